using System.Collections.Concurrent;

namespace TokenManager.Cluster.Drills;

/// <summary>Starts nodes that ended by themselves again at once, as a platform does, until it is disposed of.</summary>
internal sealed class Platform : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentQueue<(ClusterNode Node, int ExitCode)> _exits = new();
    private readonly Task _running;

    public Platform(NodeCluster cluster) => _running = RunAsync(cluster);

    /// <summary>Who ended, and how, in order.</summary>
    public IReadOnlyList<(ClusterNode Node, int ExitCode)> Exits => [.. _exits];

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _running;
        _end.Dispose();
    }

    private async Task RunAsync(NodeCluster cluster)
    {
        using var timer = new PeriodicTimer(Interval);
        try
        {
            while (await timer.WaitForNextTickAsync(_end.Token))
            {
                foreach (var node in cluster.Nodes.Where(node => node.Process.HasExited))
                {
                    _exits.Enqueue((node, node.Process.ExitCode));
                    node.Relaunch();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Nobody is started again from here on.
        }
    }
}
