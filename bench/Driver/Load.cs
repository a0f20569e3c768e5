using HdrHistogram;

namespace TokenManager.Bench.Driver;

/// <summary>What callers have seen together.</summary>
/// <param name="Calls">How many, each with the right answer.</param>
/// <param name="Elapsed">From the first call's beginning to the last one's end.</param>
/// <param name="Latencies">In microseconds.</param>
internal sealed record LoadResult(long Calls, TimeSpan Elapsed, LongHistogram Latencies)
{
    private const double MicrosecondsInMillisecond = 1000;

    public double PerSecond => Calls / Elapsed.TotalSeconds;

    /// <summary>In milliseconds.</summary>
    public double At(double percentile) => Latencies.GetValueAtPercentile(percentile) / MicrosecondsInMillisecond;
}

/// <summary>Callers that each ask again as soon as they have been answered.</summary>
internal static class Load
{
    private const long LongestMicroseconds = 120_000_000;
    private const int Digits = 3;

    /// <summary>Lets callers call from the same moment on. Each has its connection before it begins.</summary>
    /// <exception cref="WrongAnswerException">One of them got a wrong answer; all have stopped.</exception>
    public static async Task<LoadResult> RunAsync(
        Uri target, IReadOnlyList<ICaller> callers, Turns turns, CancellationToken stop)
    {
        var connections = new List<HttpConnection>();
        try
        {
            foreach (var _ in callers) connections.Add(new HttpConnection(target));
            using var stopping = stop.Register(turns.Stop);
            using var start = new Barrier(callers.Count, _ => turns.Begin());
            var running = callers.Select((caller, i) => Task.Factory.StartNew(
                () => Call(caller, connections[i], turns, start),
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default));
            var results = await Task.WhenAll(running);
            stop.ThrowIfCancellationRequested();
            return Sum(results);
        }
        finally
        {
            connections.ForEach(connection => connection.Dispose());
        }
    }

    /// <summary>Units of the clock as microseconds.</summary>
    public static long Microseconds(long took) => took * 1_000_000 / TimeProvider.System.TimestampFrequency;

    public static LongHistogram NewHistogram() => new(LongestMicroseconds, Digits);

    private static (long Started, long Ended, LongHistogram Latencies) Call(
        ICaller caller, HttpConnection connection, Turns turns, Barrier start)
    {
        var latencies = NewHistogram();
        start.SignalAndWait();
        var started = TimeProvider.System.GetTimestamp();
        try
        {
            while (turns.Next()) latencies.RecordValue(Microseconds(caller.Call(connection)));
        }
        catch
        {
            turns.Stop();
            throw;
        }

        return (started, TimeProvider.System.GetTimestamp(), latencies);
    }

    private static LoadResult Sum((long Started, long Ended, LongHistogram Latencies)[] results)
    {
        var latencies = NewHistogram();
        foreach (var result in results) latencies.Add(result.Latencies);
        return new LoadResult(
            latencies.TotalCount,
            TimeProvider.System.GetElapsedTime(results.Min(result => result.Started), results.Max(result => result.Ended)),
            latencies);
    }
}
