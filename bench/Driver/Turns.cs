namespace TokenManager.Bench.Driver;

/// <summary>How long callers go on: for a span, for so many calls, or until whichever ends first.</summary>
internal sealed class Turns(TimeSpan? span = null, long calls = long.MaxValue)
{
    private long _left = calls;
    private long _end = long.MaxValue;
    private volatile bool _stopped;

    /// <summary>The span begins.</summary>
    public void Begin()
    {
        if (span is not null)
            _end = TimeProvider.System.GetTimestamp() + (long)(span.Value.TotalSeconds * TimeProvider.System.TimestampFrequency);
    }

    /// <summary>Whether there is to be another call.</summary>
    public bool Next() =>
        !_stopped && TimeProvider.System.GetTimestamp() < _end && Interlocked.Decrement(ref _left) >= 0;

    public void Stop() => _stopped = true;
}
