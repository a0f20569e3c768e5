using System.Globalization;
using TokenManager.Testing;

namespace TokenManager.Cluster.Drills;

/// <summary>One node of a cluster, over all its restarts.</summary>
internal sealed class ClusterNode : IAsyncDisposable
{
    private readonly NodeSettings _settings;
    private readonly List<string> _earlier = [];

    public ClusterNode(int number, Place place, NodeSettings settings)
    {
        Number = number;
        Place = place;
        _settings = settings;
        Process = NodeProcess.Launch(settings);
        Client = Clients.For(place.Api);
        Management = new Management(place.Management);
    }

    /// <summary>Counts from 0; a rolling deployment begins with the highest.</summary>
    public int Number { get; }

    public Place Place { get; }

    public NodeProcess Process { get; }

    public HttpClient Client { get; }

    public Management Management { get; }

    /// <summary>Counts the node's runs from 0.</summary>
    public int Incarnation { get; private set; }

    /// <summary>Starts the ended node again, from the present build or from the next one.</summary>
    public void Relaunch(bool fromNextBuild = false)
    {
        _earlier.AddRange(Said());
        Incarnation++;
        Process.Relaunch(fromNextBuild ? _settings with { Assembly = NextBuild.Assembly } : null);
    }

    /// <summary>Everything that the node has said in all its runs.</summary>
    public IReadOnlyList<string> Log() => [.. _earlier, .. Said()];

    /// <summary>Whether the present run's first line names this version.</summary>
    public bool SaysVersion(string version) =>
        Process.Output.Any(line => line.Contains($"Token Manager {version} is ready", StringComparison.Ordinal));

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"node {Number}");

    private string[] Said() => [.. Process.Output, .. Process.Errors];

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        Client.Dispose();
        Management.Dispose();
    }
}
