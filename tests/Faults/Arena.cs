using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using TokenManager.Cluster.Drills;
using TokenManager.Testing;

namespace TokenManager.Faults;

/// <summary>How the cluster under test is set up.</summary>
internal sealed record ArenaSettings(int Nodes, int PoolSize, TimeSpan Lease)
{
    /// <summary>The node's assembly; null for the product's.</summary>
    public string? Assembly { get; init; }

    /// <summary>Further environment variables for every node.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();

    /// <summary>Whether nodes run under libfaketime, so that their wall clocks can jump.</summary>
    public bool HasClocks { get; init; }
}

/// <summary>A node that was found ended.</summary>
internal sealed record Exit(ClusterNode Node, int ExitCode, Moment At);

/// <summary>
/// A cluster of real node processes, each in a network namespace of its own, on a PostgreSQL of its own, and a platform that
/// starts again whatever ends and is not held down. Needs root and iproute2.
/// </summary>
internal sealed class Arena : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RecoversWithin = TimeSpan.FromSeconds(90);

    private readonly TemporaryFolder _folder;
    private readonly NodeCluster _cluster;
    private readonly ArenaSettings _settings;
    private readonly ConcurrentDictionary<ClusterNode, int> _held = new();
    private readonly SemaphoreSlim _processes = new(1, 1);
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentQueue<Exit> _exits = new();
    private readonly Task _platform;

    private Arena(
        ArenaSettings settings, Network network, PrivatePostgres server, Database database, TemporaryFolder folder)
    {
        _settings = settings;
        _folder = folder;
        Network = network;
        Server = server;
        Database = database;
        foreach (var place in network.Places) WriteClock(place, 0);
        _cluster = NodeCluster.Launch(database, network.Places, Settings);
        _platform = RestartAsync();
    }

    public Network Network { get; }

    public PrivatePostgres Server { get; }

    public Database Database { get; }

    public NodeCluster Cluster => _cluster;

    public IReadOnlyList<ClusterNode> Nodes => _cluster.Nodes;

    /// <summary>For a look into the database from outside.</summary>
    public string ConnectionString => Database.ConnectionStringAt("127.0.0.1") + ";Pooling=false";

    /// <summary>Nodes that ended by themselves or were killed, and how.</summary>
    public IReadOnlyList<Exit> Exits => [.. _exits];

    /// <summary>How long a lease is.</summary>
    public TimeSpan Lease => _settings.Lease;

    /// <summary>Starts everything, and waits until it is one ready cluster.</summary>
    public static async Task<Arena> StartAsync(ArenaSettings settings)
    {
        var network = await Network.CreateAsync(settings.Nodes);
        PrivatePostgres? server = null;
        Arena? arena = null;
        try
        {
            server = await PrivatePostgres.StartAsync(address: network.DatabaseHost);
            arena = new Arena(settings, network, server, await Database.CreateAsync(server), new TemporaryFolder());
            await arena.RecoveredAsync();
            return arena;
        }
        catch
        {
            if (arena is not null) await arena.DisposeAsync();
            else
            {
                if (server is not null) await server.DisposeAsync();
                await network.DisposeAsync();
            }

            throw;
        }
    }

    public ClusterNode Any(Random random) => Nodes[random.Next(Nodes.Count)];

    public IReadOnlyList<ClusterNode> Shuffled(Random random)
    {
        ClusterNode[] nodes = [.. Nodes];
        random.Shuffle(nodes);
        return nodes;
    }

    /// <summary>The node that has the pool, or any if nobody says which.</summary>
    public async Task<ClusterNode> PoolNodeAsync(Random random)
    {
        var otherwise = Any(random);
        foreach (var node in Nodes)
        {
            try
            {
                var address = await node.Management.PoolNodeAsync();
                if (Nodes.FirstOrDefault(other => address?.EndsWith(other.Place.Cluster, StringComparison.Ordinal) == true) is { } found)
                    return found;
            }
            catch (Exception failure) when (failure is HttpRequestException or SocketException or OperationCanceledException)
            {
                // The next one may know.
            }
        }

        return otherwise;
    }

    /// <summary>Until this is disposed of, nobody starts these nodes again.</summary>
    public IDisposable Hold(IReadOnlyList<ClusterNode> nodes) => new Holding(this, nodes);

    public Task KillAsync(ClusterNode node) => WithProcessesAsync(node.Process.KillAsync);

    /// <summary>Asks a node to end, and waits until it has; one that runs no more has ended already.</summary>
    public static async Task EndAsync(ClusterNode node, TimeSpan within)
    {
        if (!node.Process.HasExited) await node.Process.TerminateAsync(within);
    }

    /// <summary>False if there was nothing to pause.</summary>
    public static async Task<bool> PauseAsync(ClusterNode node)
    {
        if (node.Process.HasExited) return false;
        await node.Process.PauseAsync();
        return true;
    }

    public static async Task ContinueAsync(ClusterNode node)
    {
        if (!node.Process.HasExited) await node.Process.ContinueAsync();
    }

    /// <summary>Starts an ended node from the present or the next build, unless the platform was quicker.</summary>
    public void Relaunch(ClusterNode node, bool fromNextBuild)
    {
        _processes.Wait();
        try
        {
            if (node.Process.HasExited) node.Relaunch(fromNextBuild);
        }
        finally
        {
            _processes.Release();
        }
    }

    /// <summary>What a node and the database send to each other is lost.</summary>
    public async Task CutFromDatabaseAsync(ClusterNode node)
    {
        await Network.CutAsync(node.Place.Host, Network.DatabaseHost);
        await Network.CutAsync(Network.DatabaseHost, node.Place.Host);
    }

    /// <summary>What the database answers a node is lost, and what the node sends it is not.</summary>
    public Task CutDatabasesAnswersAsync(ClusterNode node) => Network.CutAsync(Network.DatabaseHost, node.Place.Host);

    /// <summary>Sets a node's wall clock to so many seconds ahead of the machine's.</summary>
    public async Task SetClockAsync(ClusterNode node, int seconds)
    {
        if (!_settings.HasClocks) throw new InvalidOperationException("The nodes were started without libfaketime.");
        await Task.Run(() => WriteClock(node.Place, seconds));
    }

    /// <summary>Takes back whatever may have been done, as far as it can be.</summary>
    public async Task MendAsync()
    {
        await Network.HealAsync();
        await TryAsync(Server.ContinueAsync);
        await TryAsync(async () =>
        {
            if (!await Server.AnswersAsync()) await Server.StartAgainAsync();
        });
        foreach (var node in Nodes)
        {
            await TryAsync(() => Network.UnthrottleAsync(node.Place));
            await TryAsync(() => ContinueAsync(node));
            WriteClock(node.Place, 0);
        }

        static async Task TryAsync(Func<Task> mend)
        {
            try
            {
                await mend();
            }
            catch (Exception failure) when (failure is InvalidOperationException or TimeoutException or IOException)
            {
                // It was not done, or cannot be taken back.
            }
        }
    }

    /// <summary>Waits until every node is ready, sees one cluster of all, and reads from the database.</summary>
    /// <exception cref="TimeoutException">It did not come to that.</exception>
    public Task RecoveredAsync() => Eventually.Async(
        async () => (await Task.WhenAll(Nodes.Select(IsWellAsync))).All(isWell => isWell),
        RecoversWithin,
        () => string.Join('\n', Nodes.Select(node => $"{node}\n{node.Process.Tail()}")),
        "every node is ready and sees one cluster of all");

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _platform;
        await _cluster.DisposeAsync();
        await Server.DisposeAsync();
        await Network.DisposeAsync();
        _folder.Dispose();
        _processes.Dispose();
        _end.Dispose();
    }

    private async Task<bool> IsWellAsync(ClusterNode node)
    {
        if (node.Process.HasExited) return false;
        using var ready = await node.Client.GetAsync(new Uri("/health/ready", UriKind.Relative));
        if (ready.StatusCode is not HttpStatusCode.OK || !await node.Management.SeesAsync(Nodes.Count)) return false;

        // What a node says of its readiness may be some seconds old.
        var strong = await node.Client.ReadAsync("/api/tokens?consistency=strong");
        return strong.Status is HttpStatusCode.OK;
    }

    private async Task RestartAsync()
    {
        using var timer = new PeriodicTimer(Interval);
        try
        {
            while (await timer.WaitForNextTickAsync(_end.Token))
            {
                await WithProcessesAsync(() =>
                {
                    foreach (var node in Nodes.Where(node => node.Process.HasExited && _held.GetValueOrDefault(node) == 0))
                    {
                        _exits.Enqueue(new Exit(node, node.Process.ExitCode, Moment.Now()));
                        node.Relaunch();
                    }

                    return Task.CompletedTask;
                });
            }
        }
        catch (OperationCanceledException)
        {
            // Nobody is started again from here on.
        }
    }

    private async Task WithProcessesAsync(Func<Task> act)
    {
        await _processes.WaitAsync();
        try
        {
            await act();
        }
        finally
        {
            _processes.Release();
        }
    }

    private NodeSettings Settings(Place place)
    {
        var settings = Database.Node(_settings.PoolSize, _settings.Lease);
        var configuration = new Dictionary<string, string>(settings.Configuration)
        {
            ["ConnectionStrings:TokenManager"] = Database.ConnectionStringAt(Network.DatabaseHost),
        };
        var environment = new Dictionary<string, string?>(_settings.Environment);
        if (_settings.HasClocks)
        {
            environment["LD_PRELOAD"] = FakeTime.Library;
            environment["FAKETIME_TIMESTAMP_FILE"] = ClockFile(place);
            environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
            // Otherwise waits by the monotonic clock end at once, and start again at once.
            environment["FAKETIME_FORCE_MONOTONIC_FIX"] = "0";
            environment["FAKETIME_CACHE_DURATION"] = "1";
        }

        return settings with { Configuration = configuration, Environment = environment, Assembly = _settings.Assembly };
    }

    private string ClockFile(Place place) => _folder.File($"clock-{place.Host}");

    // In one step: nobody reads half an offset.
    private void WriteClock(Place place, int seconds)
    {
        var file = ClockFile(place);
        File.WriteAllText(file + ".new", string.Create(CultureInfo.InvariantCulture, $"{seconds:+0;-0;+0}\n"));
        File.Move(file + ".new", file, overwrite: true);
    }

    private sealed class Holding : IDisposable
    {
        private readonly Arena _arena;
        private readonly IReadOnlyList<ClusterNode> _nodes;

        public Holding(Arena arena, IReadOnlyList<ClusterNode> nodes)
        {
            (_arena, _nodes) = (arena, nodes);
            foreach (var node in nodes) arena._held.AddOrUpdate(node, 1, (_, holders) => holders + 1);
        }

        public void Dispose()
        {
            foreach (var node in _nodes) _arena._held.AddOrUpdate(node, 0, (_, holders) => holders - 1);
        }
    }
}
