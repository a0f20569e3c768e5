using System.Diagnostics;
using TokenManager.Testing;
using Xunit.Abstractions;

namespace TokenManager.Crash.Tests;

/// <summary>What several nodes must have in common.</summary>
internal static class Nodes
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);

    /// <summary>Every node shows what the ledger says, a few seconds after the last request at the latest.</summary>
    public static async Task AgreeWithAsync(Database database, IReadOnlyList<NodeProcess> nodes, ITestOutputHelper output)
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
        output.WriteLine($"all nodes agree with the ledger after {Stopwatch.GetElapsedTime(started).TotalMilliseconds:0} ms");
    }
}
