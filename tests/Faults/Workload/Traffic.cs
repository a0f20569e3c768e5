using System.Collections.Concurrent;
using TokenManager.Cluster.Drills;
using TokenManager.Faults.History;
using TokenManager.Testing;

namespace TokenManager.Faults.Workload;

/// <summary>
/// Many clients at once, each of which does one thing after the other: some stick to a node, some hop. Users are fewer than
/// tokens and hot for one part, and many more than tokens for the other; who was told nothing certain asks again with the
/// same key.
/// </summary>
internal sealed class Traffic : IAsyncDisposable
{
    private const int ClientsPerNode = 6;
    private const int Attempts = 8;

    // Of a hundred operations.
    private const int Details = 20;
    private const int Lists = 6;
    private const int Histories = 5;

    // Of a hundred activations for hot users, and of a hundred grants that are given back early, or asked for once more.
    private const int Hot = 40;
    private const int GivenBack = 35;
    private const int AskedAgain = 10;

    private static readonly TimeSpan PoolInterval = TimeSpan.FromMilliseconds(400);

    private readonly Recorder _recorder;
    private readonly IReadOnlyList<ClusterNode> _nodes;
    private readonly IReadOnlyList<Guid> _tokens;
    private readonly Guid[] _hot;
    private readonly Guid[] _many;
    private readonly ConcurrentDictionary<Guid, bool> _users = new();
    private readonly CancellationTokenSource _end = new();
    private readonly List<Task> _running = [];

    private Traffic(Recorder recorder, IReadOnlyList<ClusterNode> nodes, IReadOnlyList<Guid> tokens, int seed)
    {
        _recorder = recorder;
        _nodes = nodes;
        _tokens = tokens;
        var random = new Random(seed);
        _hot = Users(random, Math.Max(1, tokens.Count / 4));
        _many = Users(random, tokens.Count * 5);
        for (var client = 0; client < ClientsPerNode * nodes.Count; client++)
            _running.Add(ActAsync(client, new Random(random.Next())));
        _running.Add(ClearAsync(_running.Count, new Random(random.Next())));
        for (var node = 0; node < nodes.Count; node++) _running.Add(WatchPoolAsync(_running.Count, node));
    }

    /// <summary>Everybody who asked for a token.</summary>
    public IReadOnlyList<Guid> Users() => [.. _users.Keys];

    public static async Task<Traffic> StartAsync(Recorder recorder, NodeCluster cluster, int seed)
    {
        var list = await cluster.Nodes[0].Client.ReadAsync("/api/tokens");
        return new Traffic(recorder, cluster.Nodes, [.. Answers.Tokens(list.Data).Select(token => token.TokenId)], seed);
    }

    /// <summary>Sends nothing more, and waits for what is under way.</summary>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await Task.WhenAll(_running);
        _end.Dispose();
    }

    private async Task ActAsync(int client, Random random)
    {
        var caller = new Caller(client, _recorder, _nodes);
        var home = client % _nodes.Count;
        var hops = client / _nodes.Count % 2 == 1;
        while (!_end.IsCancellationRequested)
        {
            switch (random.Next(100))
            {
                case < Details:
                    await caller.DetailsAsync(Node(), _tokens[random.Next(_tokens.Count)]);
                    break;
                case < Details + Lists:
                    await caller.ListAsync(Node());
                    break;
                case < Details + Lists + Histories:
                    await caller.HistoryAsync(Node(), _tokens[random.Next(_tokens.Count)]);
                    break;
                default:
                    await ActivateAsync(caller, random, Node);
                    break;
            }

            await PauseAsync(random, 5, 60);
        }

        int Node() => hops ? random.Next(_nodes.Count) : home;
    }

    private async Task ActivateAsync(Caller caller, Random random, Func<int> node)
    {
        var users = random.Next(100) < Hot ? _hot : _many;
        var (user, usage) = (users[random.Next(users.Length)], Id(random));
        _users.TryAdd(user, true);
        var answer = await caller.ActivateAsync(node(), user, usage);
        for (var attempt = 1; attempt < Attempts && answer is Answer.Nothing or Answer.Unavailable && !_end.IsCancellationRequested; attempt++)
        {
            await PauseAsync(random, 100, 1000);
            answer = await caller.ActivateAsync(node(), user, usage);
        }

        if (answer is not Answer.Granted granted) return;

        // To read what was just written.
        if (random.Next(2) == 0) await caller.DetailsAsync(node(), granted.Grant.TokenId);
        switch (random.Next(100))
        {
            case < GivenBack:
                await PauseAsync(random, 0, 500);
                await caller.ReleaseAsync(node(), granted.Grant.TokenId, usage);
                break;
            case < GivenBack + AskedAgain:
                await caller.ActivateAsync(node(), user, usage);
                break;
        }
    }

    private async Task ClearAsync(int client, Random random)
    {
        var caller = new Caller(client, _recorder, _nodes);
        while (!_end.IsCancellationRequested)
        {
            await PauseAsync(random, 3_000, 12_000);
            if (!_end.IsCancellationRequested) await caller.ClearAsync(random.Next(_nodes.Count));
        }
    }

    private async Task WatchPoolAsync(int client, int node)
    {
        var caller = new Caller(client, _recorder, _nodes);
        using var management = Clients.For(_nodes[node].Place.Management);
        while (!_end.IsCancellationRequested)
        {
            await caller.PoolAsync(node, management);
            await PauseAsync(PoolInterval);
        }
    }

    private Task PauseAsync(Random random, int from, int to) => PauseAsync(TimeSpan.FromMilliseconds(random.Next(from, to)));

    private async Task PauseAsync(TimeSpan span)
    {
        try
        {
            await Task.Delay(span, _end.Token);
        }
        catch (OperationCanceledException)
        {
            // The loop sees it.
        }
    }

    private static Guid[] Users(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => Id(random))];

    private static Guid Id(Random random)
    {
        Span<byte> bytes = stackalloc byte[16];
        random.NextBytes(bytes);
        return new Guid(bytes, bigEndian: true);
    }
}
