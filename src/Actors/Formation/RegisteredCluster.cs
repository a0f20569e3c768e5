namespace TokenManager.Actors.Formation;

/// <summary>What the database says of the cluster to a node that wants to join it.</summary>
/// <param name="Epoch">Counts the clusters that were ever formed; 0 before the first.</param>
/// <param name="IsAlive">Some member gave a sign of life lately.</param>
/// <param name="Others">Nodes of the present cluster at other addresses, dead ones included, but none that left.</param>
internal sealed record RegisteredCluster(long Epoch, bool IsAlive, IReadOnlyList<RegisteredNode> Others);

/// <summary>A node of the present cluster.</summary>
/// <param name="Address">Where its actor system is.</param>
/// <param name="IsAlive">It gave a sign of life lately.</param>
/// <param name="HasJoined">False while it forms the cluster, or asks to be let in.</param>
internal sealed record RegisteredNode(string Address, bool IsAlive, bool HasJoined);

/// <summary>A node of the present cluster that has given no sign of life lately.</summary>
/// <param name="Address">Where its actor system is.</param>
/// <param name="Uid">The id of its actor system.</param>
internal sealed record SilentNode(string Address, long Uid);
