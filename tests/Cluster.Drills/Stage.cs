using System.Globalization;
using TokenManager.Testing;

namespace TokenManager.Cluster.Drills;

/// <summary>What drills play on: the database server, a cluster of three that goes from one to the next, and the report.</summary>
internal sealed class Stage(
    PrivatePostgres server, Extent extent, string? logs, Action<string> say, CancellationToken cancellation)
    : IAsyncDisposable
{
    private const int MostLines = 40;
    private const int LongestLine = 400;

    private readonly List<NodeCluster> _clusters = [];
    private NodeCluster? _three;
    private Report _report = new();
    private int _logged;

    public Extent Extent => extent;

    /// <summary>Runs a drill; what was measured, and what went wrong.</summary>
    public async Task<Report> RunAsync(Drill drill)
    {
        _report = new Report();
        var began = DateTime.UtcNow;
        try
        {
            await drill.RunAsync(this).WaitAsync(cancellation);
        }
        catch (Exception failure)
        {
            say($"{drill.Name}: {failure}");
            _report.Fail(drill.Name, failure.Message.Split('\n')[0]);
        }

        if (!_report.IsGood) SayWhatTheNodesSaid(began);
        return _report;
    }

    public void Say(string line) => say(line);

    /// <summary>Reports a figure of a drill.</summary>
    public void Measured(string drill, string what, double value, string unit, double? bound = null, double? aim = null) =>
        _report.Add(new Figure(drill, what, value, unit, unit == Figure.Seconds ? bound * extent.Slack : bound, aim));

    /// <summary>Reports what must hold after every drill, and says what does not.</summary>
    public void Measured(string drill, Settlement settlement, Load load)
    {
        foreach (var violation in settlement.Violations) say($"{drill}: {violation}");
        foreach (var call in load.Calls.Where(call => call.Verdict is Verdict.Wrong).Take(10)) say($"{drill}: no rule allows {call}");
        Measured(drill, "answers that no rule allows", load.Calls.Count(call => call.Verdict is Verdict.Wrong), "", 0);
        Measured(drill, "users or tokens held twice, or not as the journal says", settlement.Violations.Count, "", 0);
        Measured(drill, "acknowledged activations", settlement.Acknowledged, "");
        Measured(drill, "acknowledged activations lost", settlement.Lost, "", 0);
    }

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

    // Of how they saw each other, and of what failed in any drill before: the rest is in the logs of those who ask for them.
    private void SayWhatTheNodesSaid(DateTime since)
    {
        string[] telling = ["REACHABLE", "SBR", "delayed", "lease", "warn:", "TokenManager"];
        var from = since.ToString("s", CultureInfo.InvariantCulture);
        foreach (var node in _clusters.SelectMany(cluster => cluster.Nodes))
        {
            var lines = node.Log()
                .Where(line => line.Contains(" fail:", StringComparison.Ordinal)
                    || (string.CompareOrdinal(line, from) >= 0 && telling.Any(word => line.Contains(word, StringComparison.Ordinal))))
                .Select(line => line.Length > LongestLine ? line[..LongestLine] : line)
                .TakeLast(MostLines);
            say($"{node} said:\n{string.Join('\n', lines)}");
        }
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
