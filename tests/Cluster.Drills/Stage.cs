using TokenManager.Testing;

namespace TokenManager.Cluster.Drills;

/// <summary>What drills play on: the database server, a cluster of three that goes from one to the next, and the report.</summary>
internal sealed class Stage(
    PrivatePostgres server, Extent extent, string? logs, Action<string> say, CancellationToken cancellation)
    : IAsyncDisposable
{
    private readonly List<NodeCluster> _clusters = [];
    private NodeCluster? _three;
    private int _logged;

    public Extent Extent => extent;

    public Report Report { get; } = new();

    /// <summary>Runs a drill; what goes wrong goes into the report.</summary>
    public async Task RunAsync(Drill drill)
    {
        try
        {
            await drill.RunAsync(this).WaitAsync(cancellation);
        }
        catch (Exception failure)
        {
            say($"{drill.Name}: {failure}");
            Report.Fail(drill.Name, failure.Message.Split('\n')[0]);
        }
    }

    public void Say(string line) => say(line);

    /// <summary>A cluster of three, formed and ready; after a drill that left none behind, a new one.</summary>
    public async Task<NodeCluster> ThreeNodesAsync()
    {
        if (_three is not null)
        {
            try
            {
                await _three.RestoreAsync();
                return _three;
            }
            catch (Exception failure) when (failure is TimeoutException or NodeEndedException)
            {
                say($"a new cluster is started, because the last drill's cannot be brought back: {failure.Message}");
                await EndAsync(_three);
            }
        }

        return _three = await StartAsync(Place.OnLoopback(3), overSocket: false);
    }

    /// <summary>Starts a cluster on a database of its own. It ends with the stage at the latest.</summary>
    public async Task<NodeCluster> StartAsync(IReadOnlyList<Place> places, bool overSocket)
    {
        var cluster = NodeCluster.Launch(await Database.CreateAsync(server), places, overSocket);
        _clusters.Add(cluster);
        await cluster.FormedAsync();
        return cluster;
    }

    /// <summary>Ends a cluster, and keeps what its nodes said where that is wanted.</summary>
    public async Task EndAsync(NodeCluster cluster)
    {
        _clusters.Remove(cluster);
        if (cluster == _three) _three = null;
        await cluster.DisposeAsync();
        if (logs is null) return;

        Directory.CreateDirectory(logs);
        foreach (var node in cluster.Nodes)
            await File.WriteAllLinesAsync(Path.Combine(logs, $"{++_logged:00}-node-{node.Number}.log"), node.Log());
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var cluster in _clusters.ToArray()) await EndAsync(cluster);
    }
}
