using System.Net.Sockets;
using TokenManager.Cluster.Drills;
using TokenManager.Faults.History;

namespace TokenManager.Faults.Nemeses;

/// <summary>Faults of one node's wall clock (libfaketime); monotonic clocks stay as they are.</summary>
internal static class Clocks
{
    private const int FiveMinutes = 300;

    public static IReadOnlyList<Nemesis> All { get; } =
    [
        Jump("clock-ahead", "a node's wall clock jumps five minutes ahead, and back", FiveMinutes),
        Jump("clock-behind", "a node's wall clock jumps five minutes back, and ahead again", -FiveMinutes),
    ];

    private static Nemesis Jump(string name, string what, int seconds) => new(
        name, what, Area.Clock, Effect.None,
        async (arena, random, span) =>
        {
            var node = await arena.PoolNodeAsync(random);
            await arena.SetClockAsync(node, seconds);
            await Task.Delay(span);
            var seen = await AheadAsync(node);
            await arena.SetClockAsync(node, 0);
            return $"{node}, {span.TotalSeconds:0} s, {(seen is { } ahead ? $"by its answers {ahead.TotalSeconds:0} s ahead" : "no answer told")}";
        });

    /// <summary>How far a node's clock is ahead of this machine's, as the date of an answer says; null if there is none.</summary>
    private static async Task<TimeSpan?> AheadAsync(ClusterNode node)
    {
        try
        {
            using var live = await node.Client.GetAsync(new Uri("/health/live", UriKind.Relative));
            return live.Headers.Date - TimeProvider.System.GetUtcNow();
        }
        catch (Exception failure) when (failure is HttpRequestException or SocketException or OperationCanceledException)
        {
            return null;
        }
    }
}
