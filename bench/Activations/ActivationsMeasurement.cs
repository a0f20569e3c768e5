using TokenManager.Bench.Peers;
using TokenManager.Bench.Reporting;
using TokenManager.Testing;

namespace TokenManager.Bench.Activations;

/// <summary>How fast tokens are lent, durably, beside what people would use instead.</summary>
internal sealed class ActivationsMeasurement : Measurement
{
    private const string Node = "node";
    private const string Transaction = "transaction";
    private const string Statement = "statement";
    private const string Redis = "redis";

    private static readonly int[] Callers = [1, 32, 256];
    private static readonly int[] Connections = [10, 20, 40, 80];

    public override string Name => "activations";

    public override string What => "activations a second beside a transaction, a statement, Redis and pgbench";

    public override async Task MeasureAsync(Stage stage, Section section)
    {
        var pool = stage.Extent.LargePool;
        section.Method = Invariant(
            $"""
            A pool of {pool:#,0} tokens on PostgreSQL with fsync on, each contender on a database of its own, all of them up; the server
            neither vacuums nor writes checkpoints by itself. A turn clears the pool, vacuums, writes a checkpoint (so that every page is written
            to the log whole when it is touched for the first time), and lets 1, 32 or 256 callers activate for {stage.Extent.Turn.TotalSeconds} s or until the
            pool is empty, each on one connection, for a new user each time; then the rest is lent without being measured, so that
            our tokens stay awake and all tables grow alike. Every answer's user, usage, token and fence are looked at, that no
            token was lent twice, and that the table has as many usages as were granted. *transaction* and *statement* are minimal APIs with Npgsql,
            prepared, with all their connections open beforehand: of {string.Join(", ", Connections)} those with which each is fastest at 32 and at 256 callers,
            tried out {Tries(stage)} times in turn. *redis* is one with a Lua script and `appendfsync always`; *pgbench* runs the same SQL without HTTP, for
            twice as long, of which the middle second of the second half counts; its middle latency is the mean. With every number of callers each
            has one turn that does not count; node, transaction and statement then come in every order. *cold* is the first {stage.Extent.ColdActivations:#,0}
            activations of a process, with 32 callers: code is compiled, and of our node every token is woken for the first time.
            """);

        await stage.QuietenServerAsync();
        using var folder = new TemporaryFolder();
        var services = new List<HttpContender>();
        try
        {
            var node = await StartNodeAsync(stage, pool);
            services.Add(node);
            var peers = new List<Peer>();
            foreach (var kind in new[] { Transaction, Statement })
            {
                var peer = await ChooseAsync(stage, section, kind, pool);
                peers.Add(peer);
                services.AddRange(peer.Contenders);
            }

            var others = new List<Contender>();
            if (await StartRedisAsync(stage, section, pool) is { } redis)
            {
                services.Add(redis);
                others.Add(redis);
            }

            foreach (var service in services)
            {
                var cold = await service.StartColdAsync(stage);
                if (peers.Any(peer => peer.At(Callers[1]) != service && peer.Contenders.Contains(service))) continue;
                stage.Say(Invariant($"activations: {service.Name}, cold: {cold.PerSecond:0}/s, p99 {cold.At(99):0.0} ms"));
                section.Add($"{service.Name}, cold, 32 callers", "activations/s", cold.PerSecond);
                section.Add($"{service.Name}, cold, 32 callers, p99", "ms", cold.At(99));
            }

            var pgBench = await PgBenchContender.StartAsync(stage, folder);
            if (pgBench.Count == 0) section.Note("pgbench: not measured: there is none beside initdb.");
            others.AddRange(pgBench);
            foreach (var callers in Callers)
                await MeasureWarmAsync(stage, section, callers, [node, .. peers.Select(peer => peer.At(callers))], others);
        }
        finally
        {
            foreach (var service in services) service.Dispose();
        }
    }

    private static async Task<HttpContender> StartNodeAsync(Stage stage, int pool)
    {
        var database = await stage.DatabaseAsync();
        var node = await stage.NodeAsync(database.Node(pool, Stage.LongLease));
        return new HttpContender(Node, node.BaseAddress, pool, database.ConnectionString);
    }

    private static async Task<HttpContender?> StartRedisAsync(Stage stage, Section section, int pool)
    {
        if (await RedisServer.VersionAsync() is null)
        {
            section.Note("redis: not measured: no redis-server.");
            return null;
        }

        var peer = stage.Keep(await StartPeerAsync(Redis, stage.Keep(RedisServer.Start()).Connection, pool));
        return new HttpContender(Redis, peer.Address, pool, database: null);
    }

    private static int Tries(Stage stage) => stage.Extent.Rounds / 2 + 1;

    /// <summary>A peer on PostgreSQL, for many callers and for very many with as many connections as it is fastest with.</summary>
    private static async Task<Peer> ChooseAsync(Stage stage, Section section, string kind, int pool)
    {
        var tried = new List<(int Connections, HttpContender Contender, Database Database, PeerProcess Process)>();
        var chosen = new Dictionary<int, int>();
        try
        {
            foreach (var connections in Connections)
            {
                var database = await stage.DatabaseAsync();
                var peer = await StartPeerAsync(kind, SqlTables.With(database.ConnectionString, connections), pool);
                tried.Add((connections, new HttpContender(kind, peer.Address, pool, database.ConnectionString), database, peer));
                await tried[^1].Contender.StartColdAsync(stage);
            }

            foreach (var callers in Callers[1..])
            {
                var turns = Connections.ToDictionary(connections => connections, _ => new List<double>());
                for (var round = 0; round < Tries(stage); round++)
                {
                    foreach (var (connections, contender, _, _) in tried)
                        turns[connections].Add((await contender.TakeTurnAsync(stage, callers)).PerSecond);
                }

                foreach (var (connections, perSecond) in turns)
                {
                    var figure = section.Add(Invariant($"{kind}, {connections} connections, {callers} callers, tried out"), "activations/s", perSecond);
                    stage.Say(Invariant($"activations: {kind} on {connections} connections, {callers} callers: {figure.Median:0}/s"));
                }

                chosen[callers] = turns.MaxBy(one => Figure.MedianOf(one.Value)).Key;
            }
        }
        finally
        {
            foreach (var (_, contender, database, process) in tried)
            {
                contender.Dispose();
                await process.DisposeAsync();
                database.Dispose();
            }
        }

        var fastest = new Dictionary<int, HttpContender>();
        foreach (var connections in chosen.Values.Distinct())
        {
            var own = await stage.DatabaseAsync();
            var peer = stage.Keep(await StartPeerAsync(kind, SqlTables.With(own.ConnectionString, connections), pool));
            fastest.Add(connections, new HttpContender(kind, peer.Address, pool, own.ConnectionString));
        }

        return new Peer(chosen.ToDictionary(one => one.Key, one => fastest[one.Value]));
    }

    private static Task<PeerProcess> StartPeerAsync(string kind, string connection, int pool) =>
        PeerProcess.StartAsync(kind, "--connection", connection, "--tokens", Invariant($"{pool}"));

    private static async Task MeasureWarmAsync(
        Stage stage, Section section, int callers, Contender[] compared, IReadOnlyList<Contender> others)
    {
        var turns = compared.Concat(others).ToDictionary(contender => contender.Name, _ => new List<Turn>());
        foreach (var contender in compared.Concat(others)) await contender.TakeTurnAsync(stage, callers);
        for (var round = 1; round <= stage.Extent.Rounds; round++)
        {
            foreach (var contender in Order(compared, round).Concat(others))
            {
                var turn = await contender.TakeTurnAsync(stage, callers);
                turns[contender.Name].Add(turn);
                stage.Say(Invariant(
                    $"activations: {callers} callers, round {round} of {stage.Extent.Rounds}: {contender.Name} {turn.PerSecond:0}/s"));
            }
        }

        var many = callers == 1 ? "1 caller" : Invariant($"{callers} callers");
        foreach (var (name, ofOne) in turns)
        {
            section.Add($"{many}, {name}", "activations/s", ofOne.Select(turn => turn.PerSecond));
            section.Add($"{many}, {name}, middle", "ms", ofOne.Select(turn => turn.Median));
            if (ofOne[0].P99 is not null) section.Add($"{many}, {name}, p99", "ms", ofOne.Select(turn => turn.P99!.Value));
        }

        Judge(section, callers, turns);
    }

    /// <summary>The three that are compared, in each of their six orders in turn.</summary>
    private static Contender[] Order(Contender[] three, int round)
    {
        var (first, second, third) = (three[round % 3], three[(round + 1) % 3], three[(round + 2) % 3]);
        return round / 3 % 2 == 0 ? [first, second, third] : [first, third, second];
    }

    private static void Judge(Section section, int callers, Dictionary<string, List<Turn>> turns)
    {
        switch (callers)
        {
            case 1:
                section.AtMost(Ratio("1 caller: latency, of the transaction's", Transaction, turn => turn.Median), 2);
                break;
            case 32:
                section.AtLeast(Ratio("32 callers: activations/s, of the transaction's", Transaction, turn => turn.PerSecond), 1.2, aim: 1.5);
                section.AtMost(Ratio("32 callers: p99, of the transaction's", Transaction, turn => turn.P99!.Value), 1);
                section.AtLeast(Ratio("32 callers: activations/s, of the statement's", Statement, turn => turn.PerSecond), 0.8, aim: 1);
                break;
            case 256:
                section.AtLeast(Ratio("256 callers: activations/s, of the transaction's", Transaction, turn => turn.PerSecond), 2, aim: 3);
                section.AtMost(Ratio("256 callers: p99, of the transaction's", Transaction, turn => turn.P99!.Value), 1);
                section.AtLeast(Ratio("256 callers: activations/s, of the statement's", Statement, turn => turn.PerSecond), 1.5, aim: 2);
                break;
        }

        Figure Ratio(string what, string peer, Func<Turn, double> value) =>
            section.Add(what, "ratio", turns[Node].Zip(turns[peer], (ours, theirs) => value(ours) / value(theirs)));
    }

    /// <summary>A peer with the connections that suit it best; a single caller asks the one for many.</summary>
    private sealed class Peer(Dictionary<int, HttpContender> fastest)
    {
        public IReadOnlyList<HttpContender> Contenders { get; } = [.. fastest.Values.Distinct()];

        public HttpContender At(int callers) => fastest[Math.Max(callers, Callers[1])];
    }
}
