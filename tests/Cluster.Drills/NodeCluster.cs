using TokenManager.Testing;

namespace TokenManager.Cluster.Drills;

/// <summary>Nodes that share a database, and so form a cluster.</summary>
internal sealed class NodeCluster : IAsyncDisposable
{
    public const int PoolSize = 600;

    /// <summary>Short, so that leases end all the time; long enough to survive a failover.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(6);

    public static readonly TimeSpan FormsWithin = TimeSpan.FromSeconds(60);

    private NodeCluster(Database database, IReadOnlyList<ClusterNode> nodes)
    {
        Database = database;
        Nodes = nodes;
    }

    public Database Database { get; }

    public IReadOnlyList<ClusterNode> Nodes { get; }

    /// <summary>Starts nodes on a database, and waits for nothing.</summary>
    public static NodeCluster Launch(Database database, IReadOnlyList<Place> places, bool overSocket) => new(
        database,
        [.. places.Select((place, number) => new ClusterNode(number, place, Settings(database, place, overSocket)))]);

    /// <summary>The node that has the pool.</summary>
    public Task<ClusterNode> PoolNodeAsync() => Task.FromResult(
        Nodes.Where(node => !node.Process.HasExited).MaxBy(node => node.LastSaidThePoolIsHere(), StringComparer.Ordinal)!);

    /// <summary>The tokens whose shards are on these nodes now.</summary>
    public Task<IReadOnlySet<Guid>> TokensOnAsync(IReadOnlyList<ClusterNode> nodes) =>
        Task.FromResult<IReadOnlySet<Guid>>(nodes == Nodes ? new HashSet<Guid>([Guid.Empty]) : new HashSet<Guid>());

    public IReadOnlyList<ClusterNode> Except(ClusterNode node) => [.. Nodes.Where(other => other != node)];

    /// <summary>Waits until every node is ready and all are members of one cluster.</summary>
    /// <exception cref="NodeEndedException">A node ended meanwhile.</exception>
    public Task FormedAsync() => Task.WhenAll(Nodes.Select(node => node.Process.WaitReadyAsync(FormsWithin)));

    /// <summary>Starts again what has ended, and waits until all is well.</summary>
    public async Task RestoreAsync()
    {
        foreach (var node in Nodes.Where(node => node.Process.HasExited)) node.Relaunch();
        await FormedAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes) await node.DisposeAsync();
        Database.Dispose();
    }

    private static NodeSettings Settings(Database database, Place place, bool overSocket)
    {
        var settings = database.Node(PoolSize, Lease);
        var configuration = new Dictionary<string, string>(settings.Configuration)
        {
            ["urls"] = place.Api.GetLeftPart(UriPartial.Authority),
            ["TokenManager:Cluster:Hostname"] = place.Host,
            ["TokenManager:Cluster:Port"] = $"{place.ClusterPort}",
            ["TokenManager:Management:Url"] = place.Management.GetLeftPart(UriPartial.Authority),
            ["TokenManager:Shutdown:DrainDelay"] = "00:00:03",
            ["Logging:LogLevel:Akka"] = "Information",
            ["Logging:LogLevel:TokenManager"] = "Information",
        };
        if (overSocket) configuration["ConnectionStrings:TokenManager"] = database.SocketConnectionString;
        return settings with { Configuration = configuration, Wrapper = place.Wrapper };
    }
}
