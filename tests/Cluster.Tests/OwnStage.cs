using System.Collections.Concurrent;
using TokenManager.Cluster.Drills;
using TokenManager.Testing;

namespace TokenManager.Cluster.Tests;

/// <summary>One stage for all drills, because a cluster takes seconds to start and can be drilled again and again.</summary>
public sealed class OwnStage : IAsyncLifetime
{
    private readonly ConcurrentQueue<string> _said = new();

    internal Stage Stage { get; private set; } = null!;

    /// <summary>What the stage has said since the last time.</summary>
    internal IReadOnlyList<string> TakeSaid()
    {
        var said = new List<string>();
        while (_said.TryDequeue(out var line)) said.Add(line);
        return said;
    }

    public async Task InitializeAsync() => Stage = new Stage(
        await PrivatePostgres.SharedAsync(), Extent.Test, logs: null, _said.Enqueue, CancellationToken.None);

    public async Task DisposeAsync() => await Stage.DisposeAsync();
}
