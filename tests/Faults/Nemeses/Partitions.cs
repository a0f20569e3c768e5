using System.Diagnostics;
using TokenManager.Cluster.Drills;
using TokenManager.Faults.History;

namespace TokenManager.Faults.Nemeses;

/// <summary>Faults of the network between nodes, and between nodes and database. Callers reach every node all the time.</summary>
internal static class Partitions
{
    private static readonly TimeSpan LongestFlap = TimeSpan.FromSeconds(1);

    public static IReadOnlyList<Nemesis> All { get; } =
    [
        Cut("split", "majority and minority, which both reach the database", Split),
        Cut("split-without-database", "majority and minority, which does not reach the database", Split, withoutDatabase: true),
        Cut("bridge", "two sides with one node that both reach", Bridge),
        Cut("bridge-without-database", "two sides with one node that both reach; one side does not reach the database", Bridge, withoutDatabase: true),
        Cut("one-way", "what a minority sends to the others is lost", OneWay),
        Cut("one-way-back", "what the others send to a minority is lost", (few, many) => OneWay(many, few)),
        Cut("one-way-without-database", "what a minority sends to the others is lost, and it does not reach the database", OneWay, withoutDatabase: true),
        new("database-cut-off", "a node does not reach the database, and nothing else is wrong", Area.Network, Effect.Outage, CutOffAsync),
        new("database-answers-lost", "what the database answers a node is lost: what it asked for is done, and it does not know", Area.Network, Effect.Outage, LoseAnswersAsync),
        new("slow-links", "every link so narrow that much is late and some is lost", Area.Network, Effect.Outage, SlowAsync),
        new("flapping-links", "links between nodes that come and go several times a second", Area.Network, Effect.Failover, FlapAsync),
    ];

    private delegate IEnumerable<(ClusterNode From, ClusterNode To)> Shape(IReadOnlyList<ClusterNode> few, IReadOnlyList<ClusterNode> many);

    private static Nemesis Cut(string name, string what, Shape shape, bool withoutDatabase = false) => new(
        name, what, Area.Network, Effect.Failover,
        async (arena, random, span) =>
        {
            var nodes = arena.Shuffled(random);
            var few = nodes.Take((nodes.Count - 1) / 2).ToList();
            var many = nodes.Except(few).ToList();
            foreach (var (from, to) in shape(few, many)) await arena.Network.CutAsync(from.Place, to.Place);
            if (withoutDatabase)
                foreach (var node in few) await arena.CutFromDatabaseAsync(node);
            await Task.Delay(span);
            await arena.Network.HealAsync();
            return $"{string.Join(", ", few)} | {string.Join(", ", many)}, {span.TotalSeconds:0} s";
        });

    private static IEnumerable<(ClusterNode From, ClusterNode To)> Split(IReadOnlyList<ClusterNode> few, IReadOnlyList<ClusterNode> many) =>
        BothWays(few, many);

    private static IEnumerable<(ClusterNode From, ClusterNode To)> Bridge(IReadOnlyList<ClusterNode> few, IReadOnlyList<ClusterNode> many) =>
        BothWays(few, many.Skip(1));

    private static IEnumerable<(ClusterNode From, ClusterNode To)> OneWay(IReadOnlyList<ClusterNode> few, IReadOnlyList<ClusterNode> many) =>
        few.SelectMany(from => many.Select(to => (from, to)));

    private static IEnumerable<(ClusterNode From, ClusterNode To)> BothWays(IEnumerable<ClusterNode> some, IEnumerable<ClusterNode> others) =>
        some.SelectMany(one => others.SelectMany(other => new[] { (one, other), (other, one) }));

    private static async Task<string> CutOffAsync(Arena arena, Random random, TimeSpan span)
    {
        var node = await arena.PoolNodeAsync(random);
        await arena.CutFromDatabaseAsync(node);
        await Task.Delay(span);
        await arena.Network.HealAsync();
        return $"{node}, {span.TotalSeconds:0} s";
    }

    private static async Task<string> LoseAnswersAsync(Arena arena, Random random, TimeSpan span)
    {
        var node = arena.Any(random);
        await arena.CutDatabasesAnswersAsync(node);
        await Task.Delay(span);
        await arena.Network.HealAsync();
        return $"{node}, {span.TotalSeconds:0} s";
    }

    private static async Task<string> SlowAsync(Arena arena, Random random, TimeSpan span)
    {
        foreach (var node in arena.Nodes) await arena.Network.ThrottleAsync(node.Place);
        await Task.Delay(span);
        foreach (var node in arena.Nodes) await arena.Network.UnthrottleAsync(node.Place);
        return $"all, {span.TotalSeconds:0} s";
    }

    private static async Task<string> FlapAsync(Arena arena, Random random, TimeSpan span)
    {
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < span)
        {
            var nodes = arena.Shuffled(random);
            await arena.Network.CutAsync(nodes[0].Place, nodes[1].Place);
            await Task.Delay(LongestFlap * random.NextDouble());
            await arena.Network.HealAsync();
            await Task.Delay(LongestFlap * random.NextDouble() / 4);
        }

        return $"any two, {span.TotalSeconds:0} s";
    }
}
