using TokenManager.Testing;

namespace TokenManager.Crash.Tests;

/// <summary>What the registry says of the cluster, sooner or later.</summary>
internal static class Registered
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static async Task AreOneClusterAsync(Database database, NodeProcess[] nodes, long epoch)
    {
        await AreRegisteredAsync(database, nodes, epoch);
        // One pool for all, not one for each.
        Assert.Single(
            nodes.SelectMany(node => node.Output),
            line => line.Contains($"forms cluster {epoch}", StringComparison.Ordinal));
    }

    public static async Task AreRegisteredAsync(Database database, NodeProcess[] nodes, long epoch)
    {
        var difference = "";
        await Eventually.Async(
            async () =>
            {
                var registered = new List<string>();
                await database.ReadAsync(
                    $"""
                    select address from cluster_nodes join cluster using (epoch)
                    where epoch = {epoch} and joined and cluster_nodes.alive_until > clock_timestamp()
                    """,
                    row => registered.Add(row.GetString(0)));
                difference = string.Join(' ', registered);
                return registered.Count == nodes.Length
                    && nodes.All(node => registered.Any(address => address.EndsWith($":{node.ClusterPort}", StringComparison.Ordinal)));
            },
            Patience,
            () => difference,
            $"{nodes.Length} nodes are registered in cluster {epoch}");
    }
}
