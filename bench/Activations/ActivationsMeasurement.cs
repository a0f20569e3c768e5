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
            A pool of {pool:#,0} tokens on PostgreSQL with fsync on, each contender on a database of its own, all of them up.
            A turn clears the pool, vacuums, writes a checkpoint, and lets 1, 32 or 256 callers activate for {stage.Extent.Turn.TotalSeconds} s or until the
            pool is empty, each on one connection, for a new user each time; then the rest is lent without being measured, so that
            our tokens stay awake and all tables grow alike. Every answer's user, usage, token and fence are looked at, and that no
            token was lent twice. *transaction* and *statement* are minimal APIs with Npgsql, prepared, with as many connections of {string.Join(", ", Connections)}
            as each is fastest with at {Callers[^1]} callers; *redis* is one with a Lua script and `appendfsync always`; *pgbench* runs the
            same SQL without HTTP, for twice as long, of which the second half counts; its middle latency is the mean. *cold* is the first {stage.Extent.ColdActivations:#,0} activations of a process, with 32
            callers: code is compiled, connections are opened, and of our node every token is woken for the first time.
            """);

        using var folder = new TemporaryFolder();
        var services = await StartServicesAsync(stage, section, pool);
        try
        {
            foreach (var service in services)
            {
                var cold = await service.StartColdAsync(stage);
                stage.Say(Invariant($"activations: {service.Name}, cold: {cold.PerSecond:0}/s, p99 {cold.At(99):0.0} ms"));
                section.Add($"{service.Name}, cold, 32 callers", "activations/s", cold.PerSecond);
                section.Add($"{service.Name}, cold, 32 callers, p99", "ms", cold.At(99));
            }

            var pgBench = await PgBenchContender.StartAsync(stage, folder);
            if (pgBench.Count == 0) section.Note("pgbench: not measured: there is none beside initdb.");
            await MeasureWarmAsync(stage, section, [.. services, .. pgBench]);
        }
        finally
        {
            foreach (var service in services) service.Dispose();
        }
    }

    private static async Task<IReadOnlyList<HttpContender>> StartServicesAsync(Stage stage, Section section, int pool)
    {
        var database = await stage.DatabaseAsync();
        var node = await stage.NodeAsync(database.Node(pool, Stage.LongLease));
        var services = new List<HttpContender> { new(Node, node.BaseAddress, pool, database.ConnectionString) };
        foreach (var kind in new[] { Transaction, Statement })
            services.Add(await StartSqlAsync(stage, section, kind, pool));
        if (await RedisServer.VersionAsync() is null)
            section.Note("redis: not measured: no redis-server.");
        else
        {
            var peer = await StartPeerAsync(Redis, stage.Keep(RedisServer.Start()).Connection, pool);
            services.Add(new HttpContender(Redis, stage.Keep(peer).Address, pool, database: null));
        }

        return services;
    }

    /// <summary>A peer on PostgreSQL, with as many connections as it lends fastest with to the most callers.</summary>
    private static async Task<HttpContender> StartSqlAsync(Stage stage, Section section, string kind, int pool)
    {
        var best = (Connections: 0, PerSecond: 0.0);
        foreach (var connections in Connections)
        {
            using var database = await stage.DatabaseAsync();
            await using var peer = await StartPeerAsync(kind, SqlTables.With(database.ConnectionString, connections), pool);
            using var contender = new HttpContender(kind, peer.Address, pool, database.ConnectionString);
            await contender.StartColdAsync(stage);
            var turn = await contender.TakeTurnAsync(stage, Callers[^1]);
            stage.Say(Invariant($"activations: {kind} on {connections} connections: {turn.PerSecond:0}/s"));
            section.Add(Invariant($"{kind}, {connections} connections, {Callers[^1]} callers, tried out"), "activations/s", turn.PerSecond);
            if (turn.PerSecond > best.PerSecond) best = (connections, turn.PerSecond);
        }

        var own = await stage.DatabaseAsync();
        var chosen = stage.Keep(await StartPeerAsync(kind, SqlTables.With(own.ConnectionString, best.Connections), pool));
        return new HttpContender(kind, chosen.Address, pool, own.ConnectionString);
    }

    private static Task<PeerProcess> StartPeerAsync(string kind, string connection, int pool) =>
        PeerProcess.StartAsync(kind, "--connection", connection, "--tokens", Invariant($"{pool}"));

    private static async Task MeasureWarmAsync(Stage stage, Section section, IReadOnlyList<Contender> contenders)
    {
        foreach (var callers in Callers)
        {
            var turns = contenders.ToDictionary(contender => contender.Name, _ => new List<Turn>());
            for (var round = 1; round <= stage.Extent.Rounds; round++)
            {
                // Nobody always comes after the same one.
                foreach (var contender in contenders.Skip(round % contenders.Count).Concat(contenders.Take(round % contenders.Count)))
                {
                    var turn = await contender.TakeTurnAsync(stage, callers);
                    turns[contender.Name].Add(turn);
                    stage.Say(Invariant(
                        $"activations: {callers} callers, round {round} of {stage.Extent.Rounds}: {contender.Name} {turn.PerSecond:0}/s"));
                }
            }

            foreach (var (name, ofOne) in turns)
            {
                section.Add(Invariant($"{callers} callers, {name}"), "activations/s", ofOne.Select(turn => turn.PerSecond));
                section.Add(Invariant($"{callers} callers, {name}, middle"), "ms", ofOne.Select(turn => turn.Median));
                if (ofOne[0].P99 is not null) section.Add(Invariant($"{callers} callers, {name}, p99"), "ms", ofOne.Select(turn => turn.P99!.Value));
            }

            Judge(section, callers, turns);
        }
    }

    private static void Judge(Section section, int callers, Dictionary<string, List<Turn>> turns)
    {
        switch (callers)
        {
            case 1:
                section.AtMost("1 caller: latency, of the transaction's", Ratio(Transaction, turn => turn.Median), 2);
                break;
            case 32:
                section.AtLeast("32 callers: activations/s, of the transaction's", Ratio(Transaction, turn => turn.PerSecond), 1.2, aim: 1.5);
                section.AtMost("32 callers: p99, of the transaction's", Ratio(Transaction, turn => turn.P99!.Value), 1);
                section.AtLeast("32 callers: activations/s, of the statement's", Ratio(Statement, turn => turn.PerSecond), 0.8, aim: 1);
                break;
            case 256:
                section.AtLeast("256 callers: activations/s, of the transaction's", Ratio(Transaction, turn => turn.PerSecond), 2, aim: 3);
                section.AtMost("256 callers: p99, of the transaction's", Ratio(Transaction, turn => turn.P99!.Value), 1);
                section.AtLeast("256 callers: activations/s, of the statement's", Ratio(Statement, turn => turn.PerSecond), 1.5, aim: 2);
                break;
        }

        double Ratio(string peer, Func<Turn, double> value) =>
            Figure.MedianOf(turns[Node].Zip(turns[peer], (ours, theirs) => value(ours) / value(theirs)));
    }
}
