namespace TokenManager.Cluster.Drills;

/// <summary>
/// Looks all the time which of some nodes has which shard. A move that is about when a node dies may end where it began, seconds
/// later: two looks, before and after, do not show it.
/// </summary>
internal sealed class ShardWatch
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(100);

    private readonly IReadOnlyList<ClusterNode> _nodes;
    private readonly Task<HashSet<(ClusterNode Node, string Shard)>> _running;
    private volatile bool _stop;

    private ShardWatch(IReadOnlyList<ClusterNode> nodes)
    {
        _nodes = nodes;
        _running = WatchAsync();
    }

    public static ShardWatch Start(IReadOnlyList<ClusterNode> nodes) => new(nodes);

    /// <summary>Looks once more, and says which shards were seen on the same node every time.</summary>
    public async Task<IReadOnlySet<string>> StopAsync()
    {
        _stop = true;
        return (await _running).Select(place => place.Shard).ToHashSet();
    }

    private async Task<HashSet<(ClusterNode Node, string Shard)>> WatchAsync()
    {
        var stayed = await LookAsync();
        bool last;
        do
        {
            await Task.Delay(Pace);
            last = _stop;
            stayed.IntersectWith(await LookAsync());
        }
        while (!last);
        return stayed;
    }

    private async Task<HashSet<(ClusterNode Node, string Shard)>> LookAsync() =>
        (await Task.WhenAll(_nodes.Select(async node => (await node.Management.ShardsAsync()).Select(shard => (node, shard)))))
            .SelectMany(shards => shards).ToHashSet();
}
