using System.Globalization;
using System.Net.Sockets;
using TokenManager.Cluster.Drills;
using TokenManager.Faults.Checks;
using TokenManager.Faults.History;
using TokenManager.Faults.Nemeses;
using TokenManager.Faults.Workload;
using TokenManager.Testing;

namespace TokenManager.Faults;

/// <summary>A run: traffic to a cluster, faults one after the other, and then every check on what is left behind.</summary>
internal sealed class Run(RunOptions options, Action<string> say)
{
    private const int MostNemesesAtOnce = 3;
    private const int MostBroken = 5;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);
    private Recorder _recorder = new();

    /// <summary>Runs it. <paramref name="cancellation"/> ends the traffic early; what has happened is checked all the same.</summary>
    public async Task<Outcome> DoAsync(CancellationToken cancellation)
    {
        var random = new Random(options.Seed);
        say(string.Create(CultureInfo.InvariantCulture, $"{options.Arena.Nodes} nodes, {options.Arena.PoolSize} tokens, leases of {options.Arena.Lease.TotalSeconds} s, seed {options.Seed}"));
        await using var arena = await Arena.StartAsync(options.Arena);
        _recorder = new Recorder();
        var troubles = new List<string>();
        IReadOnlyList<Guid> users;
        await using (var traffic = await Traffic.StartAsync(_recorder, arena.Cluster, random.Next()))
        {
            try
            {
                await InjectAsync(arena, random, cancellation);
            }
            catch (Exception failure)
            {
                say($"while faults were injected: {failure}");
                troubles.Add($"while faults were injected: {failure.Message}");
                await arena.MendAsync();
            }

            users = traffic.Users();
        }

        say($"traffic ended: {_recorder.Count} operations; {arena.Exits.Count} nodes ended by themselves or were killed");
        var evidence = await GatherAsync(arena, users, troubles);
        troubles.AddRange(Unexpected(arena, evidence));
        troubles.AddRange(Progress.Missing(evidence));
        var violations = Check.All.ToDictionary(check => check, check => check.FindAll(evidence));
        troubles.AddRange(evidence.Operations.Where(operation => operation.Answer is Answer.Broken)
            .Take(MostBroken).Select(operation => $"no rule allows {operation}"));
        return new Outcome(options, evidence, violations, troubles, [.. arena.Nodes.Select(node => node.Log())]);
    }

    // A node ends with 1 when it was put out of its cluster, which takes a fault, and with 137 when it was killed.
    private IEnumerable<string> Unexpected(Arena arena, Evidence evidence) =>
        from exit in arena.Exits
        let at = _recorder.At(exit.At)
        where exit.ExitCode is not (1 or 137) || evidence.IsCalm(at, at)
        select string.Create(CultureInfo.InvariantCulture, $"{exit.Node} ended with {exit.ExitCode}, {at / 1e6:0.0} s into the run, and nobody knows why");

    private async Task InjectAsync(Arena arena, Random random, CancellationToken cancellation)
    {
        if (options.Nemeses.Count == 0)
        {
            await CalmAsync(options.Span, cancellation);
            return;
        }

        var began = Moment.Now();
        var waiting = new Queue<Nemesis>();
        while (true)
        {
            await CalmAsync(Calm(random), cancellation);
            if (began.Elapsed >= options.Span || cancellation.IsCancellationRequested) return;
            if (waiting.Count == 0)
            {
                Nemesis[] round = [.. options.Nemeses];
                random.Shuffle(round);
                waiting = new Queue<Nemesis>(round);
            }

            // Each by itself in turn; now and then several together.
            List<Nemesis> together = [waiting.Dequeue()];
            if (options.Together && random.Next(3) == 0)
            {
                together.AddRange(Shuffled(options.Nemeses, random)
                    .DistinctBy(nemesis => nemesis.Area)
                    .Where(nemesis => nemesis.Area != together[0].Area && nemesis.Name != "roll" && together[0].Name != "roll")
                    .Take(random.Next(1, MostNemesesAtOnce)));
            }

            await InjectAsync(arena, random, together);
        }
    }

    private async Task InjectAsync(Arena arena, Random random, IReadOnlyList<Nemesis> nemeses)
    {
        var began = _recorder.Now;
        var injected = await Task.WhenAll(nemeses.Select(async nemesis =>
        {
            var what = await nemesis.InjectAsync(arena, new Random(random.Next()), Nemesis.Duration(random));
            return (nemesis, what, healed: _recorder.Now);
        }));
        await arena.RecoveredAsync();
        var recovered = _recorder.Now;
        foreach (var (nemesis, what, healed) in injected)
            _recorder.Add(new Fault(nemesis.Name, what, nemesis.Effect, began, healed, recovered));
        say(string.Create(
            CultureInfo.InvariantCulture,
            $"{string.Join(" + ", injected.Select(one => $"{one.nemesis.Name} ({one.what})"))}: "
            + $"one cluster again {TimeSpan.FromMicroseconds(recovered - injected.Max(one => one.healed)).TotalSeconds:0.0} s later; "
            + $"{_recorder.Count} operations"));
    }

    // Mostly too short for everything to settle, and every fourth long enough for the bounds that hold when nothing is wrong.
    private static TimeSpan Calm(Random random) => TimeSpan.FromSeconds(random.Next(4) == 0 ? random.Next(25, 40) : random.Next(2, 18));

    private static async Task CalmAsync(TimeSpan span, CancellationToken cancellation)
    {
        try
        {
            await Task.Delay(span, cancellation);
        }
        catch (OperationCanceledException)
        {
            // The run ends.
        }
    }

    private async Task<Evidence> GatherAsync(Arena arena, IReadOnlyList<Guid> users, List<string> troubles)
    {
        await TryAsync(troubles, "no lease is left", () => Eventually.Async(
            async () => (await arena.Database.ReadRowsAsync()).All(row => !row.IsOpen), options.Patience));
        await TryAsync(troubles, "everybody can activate again", () => ReadmitAsync(arena, users));
        LentPool? lent = null;
        await TryAsync(troubles, "every node shows what is lent", async () => lent = await LendAsync(arena, users));
        await TryAsync(troubles, "no lease is left at the end", () => Eventually.Async(
            async () => (await arena.Database.ReadRowsAsync()).All(row => !row.IsOpen), options.Patience));
        var caller = new Caller(-1, _recorder, arena.Nodes, isAfterwards: true);
        await TryAsync(troubles, "journal, ledger and nodes are at rest", async () => await AtRestAsync(arena));
        var nodes = new List<QuietNode>();
        foreach (var node in arena.Nodes)
        {
            using var management = Clients.For(node.Place.Management);
            await caller.PoolAsync(node.Number, management);
            if (await EvidenceReader.ReadAsync(node) is { } quiet) nodes.Add(quiet);
            else troubles.Add($"{node} does not answer reads at the end");
        }

        return new Evidence
        {
            Epoch = _recorder.Epoch,
            PoolSize = options.Arena.PoolSize,
            Lease = Api.Micro(options.Arena.Lease),
            Operations = _recorder.Operations,
            Faults = _recorder.Faults,
            Rows = await arena.Database.ReadRowsAsync(),
            Journal = await arena.Database.ReadEventsAsync(),
            Nodes = nodes,
            Lent = lent,
            Ended = _recorder.Now,
        };
    }

    /// <summary>Every user of the run activates once more, and gives back.</summary>
    private async Task ReadmitAsync(Arena arena, IReadOnlyList<Guid> users)
    {
        var caller = new Caller(-1, _recorder, arena.Nodes, isAfterwards: true);
        foreach (var some in users.Chunk(options.Arena.PoolSize))
        {
            await Task.WhenAll(some.Select(async (user, i) =>
            {
                var usage = Guid.NewGuid();
                var node = i % arena.Nodes.Count;
                if (await caller.ActivateAsync(node, user, usage) is Answer.Granted granted)
                    await caller.ReleaseAsync(node, granted.Grant.TokenId, usage);
            }));
        }
    }

    /// <summary>Lends half of the pool, and watches until every node shows that, or until it is over.</summary>
    private async Task<LentPool?> LendAsync(Arena arena, IReadOnlyList<Guid> users)
    {
        var caller = new Caller(-1, _recorder, arena.Nodes, isAfterwards: true);
        await Task.WhenAll(users.Take(Math.Max(1, options.Arena.PoolSize / 2)).Select((user, i) =>
            caller.ActivateAsync(i % arena.Nodes.Count, user, Guid.NewGuid())));
        LentPool? last = null;
        while (true)
        {
            var before = await OpenAsync(arena);
            var lists = await Task.WhenAll(arena.Nodes.Select(async node => (node.Number, List: await node.Client.ReadAsync("/api/tokens"))));
            if (!before.SetEquals(await OpenAsync(arena))) continue;
            if (before.Count == 0) return last;

            last = new LentPool([.. before], [.. lists.Select(one => new QuietNode(one.Number, Answers.Tokens(one.List.Data), []))]);
            if (last.Nodes.All(node => node.List.Where(token => token.UserId is not null).ToHashSet().SetEquals(before))) return last;
            await Task.Delay(Interval);
        }
    }

    private static async Task<HashSet<Listed>> OpenAsync(Arena arena) => (await arena.Database.ReadRowsAsync())
        .Where(row => row.IsOpen).Select(row => new Listed(row.TokenId, row.UserId, row.Started, row.Expires)).ToHashSet();

    // An event is written a moment after its row, and a cache hears of it a moment after that.
    private async Task AtRestAsync(Arena arena) => await Eventually.Async(
        async () =>
        {
            var rows = await arena.Database.ReadRowsAsync();
            var events = await arena.Database.ReadEventsAsync();
            if (events.Count != rows.Count + rows.Count(row => !row.IsOpen)) return false;

            foreach (var node in arena.Nodes)
            {
                var quiet = await EvidenceReader.ReadAsync(node);
                if (quiet is null || quiet.List.Any(token => token.UserId is not null)) return false;
            }

            return true;
        },
        options.Patience);

    // What does not come to be is for the checks to find; it is told all the same.
    private async Task TryAsync(List<string> troubles, string what, Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (Exception failure) when (failure is TimeoutException or HttpRequestException or SocketException or InvalidOperationException or Npgsql.NpgsqlException)
        {
            say($"not so: {what}");
            troubles.Add($"not so: {what}: {failure.Message.Split('\n')[0]}");
        }
    }

    private static Nemesis[] Shuffled(IReadOnlyList<Nemesis> nemeses, Random random)
    {
        Nemesis[] shuffled = [.. nemeses];
        random.Shuffle(shuffled);
        return shuffled;
    }
}
