using System.Diagnostics;
using TokenManager.Testing;

namespace TokenManager.Cluster.Drills;

/// <summary>A point in time by both clocks: the monotonic one that requests are measured with, and the database's.</summary>
/// <param name="Timestamp">As <see cref="Stopwatch.GetTimestamp"/>.</param>
/// <param name="Microseconds">Since the Unix epoch. Database and drills share a machine and so its clock.</param>
internal readonly record struct Moment(long Timestamp, long Microseconds)
{
    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(Timestamp);

    public static Moment Now() => new(Stopwatch.GetTimestamp(), Api.Microseconds(TimeProvider.System.GetUtcNow()));

    /// <summary>How long after this moment something was.</summary>
    public TimeSpan Until(long timestamp) => Stopwatch.GetElapsedTime(Timestamp, timestamp);

    /// <summary>Waits until that much time has passed since this moment.</summary>
    public Task PassedAsync(TimeSpan span)
    {
        var since = this;
        return Eventually.Async(() => since.Elapsed >= span, span + TimeSpan.FromSeconds(10), expression: "the time has passed");
    }
}
