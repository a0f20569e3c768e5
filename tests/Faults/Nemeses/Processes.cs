using TokenManager.Cluster.Drills;
using TokenManager.Faults.History;

namespace TokenManager.Faults.Nemeses;

/// <summary>Faults of node processes.</summary>
internal static class Processes
{
    // Shorter than failure detection; longer than lease and failure detection together.
    private static readonly TimeSpan Shortly = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(18);
    private static readonly TimeSpan EndsWithin = TimeSpan.FromSeconds(60);

    public static IReadOnlyList<Nemesis> All { get; } =
    [
        new("kill-one", "kill -9 of a node", Area.Process, Effect.Failover,
            async (arena, random, span) => await KillAsync(arena, span, [arena.Any(random)])),
        new("kill-pool", "kill -9 of the node with the pool", Area.Process, Effect.Failover,
            async (arena, random, span) => await KillAsync(arena, TimeSpan.Zero, [await arena.PoolNodeAsync(random)])),
        new("kill-all", "kill -9 of all nodes at once", Area.Process, Effect.Outage,
            async (arena, _, _) => await KillAsync(arena, TimeSpan.Zero, arena.Nodes)),
        new("pause-short", "SIGSTOP and SIGCONT of the node with the pool, shorter than failure detection", Area.Process, Effect.Failover,
            async (arena, random, _) => await PauseAsync(Shortly, await arena.PoolNodeAsync(random))),
        new("pause-long", "SIGSTOP and SIGCONT of the node with the pool, longer than lease and failure detection", Area.Process, Effect.Failover,
            async (arena, random, _) => await PauseAsync(Long, await arena.PoolNodeAsync(random))),
        new("pause-one", "SIGSTOP and SIGCONT of a node for any time", Area.Process, Effect.Failover,
            async (arena, random, span) => await PauseAsync(span, arena.Any(random))),
        new("roll", "every node replaced by the next version, one after the other", Area.Process, Effect.Failover, RollAsync),
    ];

    private static async Task<string> KillAsync(Arena arena, TimeSpan downFor, IReadOnlyList<ClusterNode> victims)
    {
        using (arena.Hold(victims))
        {
            await Task.WhenAll(victims.Select(arena.KillAsync));
            await Task.Delay(downFor);
        }

        return string.Join(", ", victims);
    }

    private static async Task<string> PauseAsync(TimeSpan span, ClusterNode victim)
    {
        if (!await Arena.PauseAsync(victim)) return "nobody";
        await Task.Delay(span);
        await Arena.ContinueAsync(victim);
        return $"{victim}, {span.TotalSeconds:0.0} s";
    }

    private static async Task<string> RollAsync(Arena arena, Random random, TimeSpan span)
    {
        var next = !arena.Nodes[0].SaysVersion(NextBuild.Version);
        foreach (var node in arena.Nodes.Reverse())
        {
            using (arena.Hold([node])) await Arena.EndAsync(node, EndsWithin);
            arena.Relaunch(node, next);
            await arena.RecoveredAsync();
        }

        return next ? "to the next version" : "to the same version";
    }
}
