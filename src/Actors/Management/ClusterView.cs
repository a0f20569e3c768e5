namespace TokenManager.Actors.Management;

/// <summary>The cluster as one node sees it.</summary>
/// <param name="SelfNode">The address of the node that looks.</param>
/// <param name="Members">Every member, in the order of addresses; empty before the node has joined.</param>
/// <param name="Unreachable">The members among them that do not answer this node or another one.</param>
/// <param name="Leader">The address of the member that carries out what the cluster agrees on; null if there is none.</param>
/// <param name="Oldest">The address of the longest-standing member, where the pool is; null if none is up.</param>
public sealed record ClusterView(
    string SelfNode,
    IReadOnlyList<MemberView> Members,
    IReadOnlyList<string> Unreachable,
    string? Leader,
    string? Oldest);

/// <summary>One member of the cluster.</summary>
/// <param name="Node">Its address, such as <c>akka.tcp://token-manager@10.0.0.1:4053</c>.</param>
/// <param name="NodeUid">Tells a node from an earlier one at the same address.</param>
/// <param name="Status">Joining, WeaklyUp, Up, Leaving, Exiting, Down or Removed.</param>
/// <param name="Roles">What it is for.</param>
/// <param name="AppVersion">The version that its build stamped on it.</param>
public sealed record MemberView(string Node, string NodeUid, string Status, IReadOnlyList<string> Roles, string AppVersion);

/// <summary>Something that happened in the cluster, as one node hears of it.</summary>
/// <param name="Type">What, in the cluster's own words, such as <c>MemberUp</c>, <c>UnreachableMember</c> or <c>LeaderChanged</c>.</param>
/// <param name="Member">To whom; null where it is not about a member.</param>
/// <param name="Leader">The new leader's address, if it is about that and there is one.</param>
public sealed record ClusterChange(string Type, MemberView? Member, string? Leader);
