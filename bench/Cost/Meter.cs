using TokenManager.Bench.Driver;
using TokenManager.Testing;

namespace TokenManager.Bench.Cost;

/// <summary>What a node takes of processor and heap for what it is asked, beyond what it takes at rest.</summary>
internal sealed class Meter : IAsyncDisposable
{
    private const int SecondsAtRest = 3;

    private readonly NodeProcess _node;
    private readonly AllocationCounter _allocations;

    private Meter(NodeProcess node)
    {
        _node = node;
        _allocations = AllocationCounter.Start(node.ProcessId);
    }

    private readonly record struct Reading(long At, double Milliseconds, double Bytes);

    /// <summary>Processor time at rest, in milliseconds a second.</summary>
    public double IdleMilliseconds { get; private set; }

    /// <summary>Bytes allocated at rest, a second.</summary>
    public double IdleBytes { get; private set; }

    /// <summary>Begins, and looks first what the node does while nobody asks anything.</summary>
    public static async Task<Meter> StartAsync(Stage stage, NodeProcess node)
    {
        var meter = new Meter(node);
        var before = await meter.ReadAsync();
        for (var second = 1; second < SecondsAtRest; second++) await meter._allocations.NextAsync().WaitAsync(stage.Stop);
        var after = await meter.ReadAsync();
        var seconds = TimeProvider.System.GetElapsedTime(before.At, after.At).TotalSeconds;
        meter.IdleMilliseconds = (after.Milliseconds - before.Milliseconds) / seconds;
        meter.IdleBytes = (after.Bytes - before.Bytes) / seconds;
        return meter;
    }

    /// <summary>What the calls of a load cost together.</summary>
    public async Task<(long Calls, double Milliseconds, double Bytes)> MeasureAsync(Func<Task<LoadResult>> load)
    {
        var before = await ReadAsync();
        var result = await load();
        var after = await ReadAsync();
        var seconds = TimeProvider.System.GetElapsedTime(before.At, after.At).TotalSeconds;
        return (
            result.Calls,
            after.Milliseconds - before.Milliseconds - (IdleMilliseconds * seconds),
            after.Bytes - before.Bytes - (IdleBytes * seconds));
    }

    public ValueTask DisposeAsync() => _allocations.DisposeAsync();

    private async Task<Reading> ReadAsync()
    {
        var bytes = await _allocations.NextAsync();
        return new Reading(TimeProvider.System.GetTimestamp(), ProcessCpu.Milliseconds(_node.ProcessId), bytes);
    }
}
