namespace TokenManager.Cluster.Drills;

/// <summary>What a list of calls says about time.</summary>
internal static class Calls
{
    /// <summary>The longest time in which nothing was granted, from one moment to another.</summary>
    public static TimeSpan LongestPause(this IEnumerable<Call> calls, Moment from, Moment to)
    {
        long[] answers =
        [
            from.Timestamp,
            .. calls.Where(call => call.IsGranted).Select(call => call.Answered)
                .Where(answered => answered > from.Timestamp && answered < to.Timestamp).Order(),
            to.Timestamp,
        ];
        return answers.Zip(answers.Skip(1), (earlier, later) => System.Diagnostics.Stopwatch.GetElapsedTime(earlier, later)).Max();
    }

    public static TimeSpan Slowest(this IEnumerable<Call> calls) =>
        calls.Select(call => System.Diagnostics.Stopwatch.GetElapsedTime(call.Sent, call.Answered)).DefaultIfEmpty().Max();

    /// <summary>How long after a moment a target first granted what was sent after that moment.</summary>
    public static TimeSpan FirstGrant(this IEnumerable<Call> calls, Moment since, int target) => calls
        .Where(call => call.IsGranted && call.Target == target && call.Sent > since.Timestamp)
        .Select(call => since.Until(call.Answered))
        .Min();

    public static double Median(this IEnumerable<double> values)
    {
        double[] ordered = [.. values.Order()];
        return ordered.Length % 2 == 1
            ? ordered[ordered.Length / 2]
            : (ordered[ordered.Length / 2 - 1] + ordered[ordered.Length / 2]) / 2;
    }

    /// <summary>The smallest value that this part of all values does not exceed.</summary>
    public static double Percentile(this IReadOnlyCollection<double> values, double part) =>
        values.Order().ElementAt((int)Math.Ceiling(part * values.Count) - 1);
}
