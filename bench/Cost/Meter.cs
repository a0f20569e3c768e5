using TokenManager.Bench.Driver;
using TokenManager.Testing;

namespace TokenManager.Bench.Cost;

/// <summary>What a node takes of processor and heap while something goes on.</summary>
internal sealed class Meter(NodeProcess node) : IAsyncDisposable
{
    private const int SecondsAtRest = 5;

    private readonly AllocationCounter _allocations = AllocationCounter.Start(node.ProcessId);

    private double Milliseconds => ProcessCpu.Milliseconds(node.ProcessId);

    /// <summary>What it takes in a second while nobody asks anything.</summary>
    public async Task<(double Milliseconds, double Bytes)> MeasureRestAsync(CancellationToken stop)
    {
        var before = (Bytes: await _allocations.NextAsync(), Milliseconds);
        for (var second = 1; second < SecondsAtRest; second++) await _allocations.NextAsync().WaitAsync(stop);
        var after = (Bytes: await _allocations.NextAsync(), Milliseconds);
        return ((after.Milliseconds - before.Milliseconds) / SecondsAtRest, (after.Bytes - before.Bytes) / SecondsAtRest);
    }

    /// <summary>What it takes for a call of a load.</summary>
    public async Task<(long Calls, double Milliseconds, double Bytes)> MeasureCallAsync(Func<Task<LoadResult>> load)
    {
        var before = (Bytes: await _allocations.NextAsync(), Milliseconds);
        var calls = (await load()).Calls;
        var milliseconds = Milliseconds - before.Milliseconds;
        // The next of the counter's seconds may have ended before the load did, and only come late.
        await _allocations.NextAsync();
        var bytes = await _allocations.NextAsync() - before.Bytes;
        return (calls, milliseconds / calls, bytes / calls);
    }

    public ValueTask DisposeAsync() => _allocations.DisposeAsync();
}
