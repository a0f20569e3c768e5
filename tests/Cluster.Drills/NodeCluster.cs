using Akka.Cluster.Sharding;
using TokenManager.Testing;

namespace TokenManager.Cluster.Drills;

/// <summary>Nodes that share a database, and so form a cluster.</summary>
internal sealed class NodeCluster : IAsyncDisposable
{
    public const int PoolSize = 600;

    /// <summary>Short, so that leases end all the time; long enough to survive a failover.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(6);

    // As the product spreads tokens over shards; it may never change that.
    private static readonly HashCodeMessageExtractor Sharding = (HashCodeMessageExtractor)HashCodeMessageExtractor.Create(64, message => (string)message);

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

    /// <summary>Starts nodes on a database with settings of the caller's, and waits for nothing.</summary>
    public static NodeCluster Launch(Database database, IReadOnlyList<Place> places, Func<Place, NodeSettings> settings) =>
        new(database, [.. places.Select((place, number) => new ClusterNode(number, place, At(place, settings(place))))]);

    /// <summary>The node that has the pool.</summary>
    public async Task<ClusterNode> PoolNodeAsync()
    {
        ClusterNode? node = null;
        await Eventually.Async(
            async () =>
            {
                var address = await Nodes[0].Management.PoolNodeAsync();
                node = Nodes.FirstOrDefault(other => address?.EndsWith(other.Place.Cluster, StringComparison.Ordinal) == true);
                return node is not null;
            },
            FormsWithin,
            expression: "it is known where the pool is");
        return node!;
    }

    /// <summary>The shard of a token.</summary>
    public static string ShardOf(Guid token) => Sharding.ShardId(token.ToString());

    public IReadOnlyList<ClusterNode> Except(ClusterNode node) => [.. Nodes.Where(other => other != node)];

    /// <summary>Waits until every node is ready and all are members of one cluster.</summary>
    /// <exception cref="NodeEndedException">A node ended meanwhile.</exception>
    public async Task FormedAsync()
    {
        await Task.WhenAll(Nodes.Select(node => node.Process.WaitReadyAsync(FormsWithin)));
        await Eventually.Async(
            async () => (await Task.WhenAll(Nodes.Select(node => node.Management.SeesAsync(Nodes.Count)))).All(sees => sees),
            FormsWithin,
            expression: "every node sees one cluster of all");
    }

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
        var settings = At(place, database.Node(PoolSize, Lease));
        if (!overSocket) return settings;

        return settings with
        {
            Configuration = new Dictionary<string, string>(settings.Configuration)
            {
                ["ConnectionStrings:TokenManager"] = database.SocketConnectionString,
            },
        };
    }

    private static NodeSettings At(Place place, NodeSettings settings) => settings with
    {
        Wrapper = place.Wrapper,
        Configuration = new Dictionary<string, string>(settings.Configuration)
        {
            ["urls"] = place.Api.GetLeftPart(UriPartial.Authority),
            ["TokenManager:Cluster:Hostname"] = place.Host,
            ["TokenManager:Cluster:Port"] = $"{place.ClusterPort}",
            ["TokenManager:Management:Url"] = place.Management.GetLeftPart(UriPartial.Authority),
            ["TokenManager:Shutdown:DrainDelay"] = "00:00:03",
            // Read by whoever asked for the nodes' logs.
            ["Logging:LogLevel:Akka"] = "Information",
        },
    };
}
