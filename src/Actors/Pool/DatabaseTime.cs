namespace TokenManager.Actors.Pool;

/// <summary>
/// The database's clock, as far as it is known here between two readings. Never ahead of it: a reading is old by the
/// time that it took to get here, and the span since then is measured.
/// </summary>
internal sealed class DatabaseTime
{
    private DateTimeOffset _readAt;
    private TimeSpan _heardAt;

    /// <summary>The newest reading counts, so that two clocks that run apart are brought together again.</summary>
    /// <param name="readAt">What the database's clock said.</param>
    /// <param name="now">When that was heard here, on any monotonic clock.</param>
    public void Heard(DateTimeOffset readAt, TimeSpan now) => (_readAt, _heardAt) = (readAt, now);

    public DateTimeOffset At(TimeSpan now) => _readAt + (now - _heardAt);

    /// <summary>When the database's clock says so, on the clock on which it was heard.</summary>
    public TimeSpan When(DateTimeOffset moment) => _heardAt + (moment - _readAt);
}
