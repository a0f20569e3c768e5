using TokenManager.Cluster.Drills;
using TokenManager.Faults.History;

namespace TokenManager.Faults.Nemeses;

/// <summary>Faults of node processes.</summary>
internal static class Processes
{
    // Shorter than failure detection; longer than failure detection takes, beyond the lease.
    private static readonly TimeSpan Shortly = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan EndsWithin = TimeSpan.FromSeconds(60);

    public static IReadOnlyList<Nemesis> All { get; } =
    [
        new("kill-one", "kill -9 of a node", Area.Process, Effect.Failover,
            async (arena, random, span) => await KillAsync(arena, OrAtOnce(random, span), [arena.Any(random)])),
        new("kill-pool", "kill -9 of the node with the pool", Area.Process, Effect.Failover,
            async (arena, random, span) => await KillAsync(arena, OrAtOnce(random, span), [await arena.PoolNodeAsync(random)])),
        new("kill-all", "kill -9 of all nodes at once", Area.Process, Effect.Outage,
            async (arena, random, span) => await KillAsync(arena, OrAtOnce(random, span), arena.Nodes)),
        new("pause-short", "SIGSTOP and SIGCONT of the node with the pool, shorter than failure detection", Area.Process, Effect.Failover,
            async (arena, random, _) => await PauseAsync(Shortly, await arena.PoolNodeAsync(random))),
        new("pause-long", "SIGSTOP and SIGCONT of the node with the pool, longer than lease and failure detection", Area.Process, Effect.Failover,
            async (arena, random, _) => await PauseAsync(arena.Lease + Long, await arena.PoolNodeAsync(random))),
        new("pause-one", "SIGSTOP and SIGCONT of a node for any time", Area.Process, Effect.Failover,
            async (arena, random, span) => await PauseAsync(span, arena.Any(random))),
        new("roll", "every node replaced by the next version, one after the other", Area.Process, Effect.Failover, RollAsync),
    ];

    // A platform starts again at once what ended, or cannot for a while.
    private static TimeSpan OrAtOnce(Random random, TimeSpan span) => random.Next(2) == 0 ? TimeSpan.Zero : span;

    private static async Task<string> KillAsync(Arena arena, TimeSpan downFor, IReadOnlyList<ClusterNode> victims)
    {
        using (arena.Hold(victims))
        {
            await Task.WhenAll(victims.Select(arena.KillAsync));
            await Task.Delay(downFor);
        }

        return $"{string.Join(", ", victims)}, {(downFor == TimeSpan.Zero ? "started again at once" : $"{downFor.TotalSeconds:0} s")}";
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
            using (arena.Hold([node]))
            {
                await Arena.EndAsync(node, EndsWithin);
                arena.Relaunch(node, next);
            }

            await arena.RecoveredAsync();
        }

        return next ? "to the next version" : "to the same version";
    }
}
