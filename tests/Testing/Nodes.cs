using System.Diagnostics;

namespace TokenManager.Testing;

/// <summary>What several nodes must have in common.</summary>
internal static class Nodes
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);

    /// <summary>Every node shows what the ledger says, a few seconds after the last request at the latest.</summary>
    /// <returns>How long it took until they all did.</returns>
    public static async Task<TimeSpan> AgreeWithAsync(Database database, IReadOnlyList<NodeProcess> nodes)
    {
        var started = Stopwatch.GetTimestamp();
        var difference = "";
        await Eventually.Async(
            async () =>
            {
                var open = (await database.ReadRowsAsync())
                    .Where(row => row.IsOpen)
                    .Select(row => new Listed(row.TokenId, row.UserId, row.Started, row.Expires))
                    .ToHashSet();
                foreach (var node in nodes)
                {
                    var active = (await node.ListAsync()).Where(token => token.UserId is not null).ToHashSet();
                    difference =
                        $"{nodes.ToList().IndexOf(node)} of {nodes.Count} shows {active.Count} of {open.Count} as active, "
                        + $"{active.Except(open).Count()} wrongly";
                    if (!active.SetEquals(open)) return false;
                }

                return true;
            },
            Soon,
            () => difference,
            "every node shows what the ledger says");
        return Stopwatch.GetElapsedTime(started);
    }
}
