using TokenManager.Faults.History;

namespace TokenManager.Faults.Checks;

/// <summary>
/// Usages that did not end once and for their reason, ended before their time, or later than promised: <see cref="Calm"/> after
/// it when nothing is wrong, <see cref="Moved"/> after it when tokens have to move first, and the same after the end of a fault
/// during which nobody can release anything.
/// </summary>
internal static class Endings
{
    /// <summary>How late a release may be at most, in microseconds.</summary>
    public const long Calm = 1_000_000;

    /// <summary>The same while a node is away.</summary>
    public const long Moved = 15_000_000;

    public static IEnumerable<string> Find(Evidence evidence)
    {
        var releases = evidence.Operations.Where(operation => operation.Kind is Kind.Release).ToLookup(operation => operation.Usage);
        var clears = evidence.Operations.Where(operation => operation.Kind is Kind.Clear).ToList();
        var ends = evidence.Journal.Where(entry => !entry.IsActivation).ToLookup(entry => entry.UsageId);
        foreach (var row in evidence.Rows)
        {
            if (row.Ended is not { } ended)
            {
                yield return $"never ended: {row}";
                continue;
            }

            if (row.Expires - row.Started != evidence.Lease) yield return $"not of the lease's length: {row}";
            if (ended < row.Started) yield return $"ended before it began: {row}";
            if (ends[row.UsageId].ToList() is not [var end] || (end.Ended, end.Reason, end.Fence) != (row.Ended, row.Reason, row.Fence))
                yield return $"the ledger has {row}, the journal has {string.Join(", ", ends[row.UsageId])}";

            switch (row.Reason)
            {
                case "expired" when ended < row.Expires:
                    yield return $"expired {(row.Expires - ended) / 1e6:0.000} s early: {row}";
                    break;
                case "released" when !releases[row.UsageId].Any(release => release.Invoked <= ended - evidence.Epoch + Clock.Difference):
                    yield return $"nobody had released it: {row}";
                    break;
                case "cleared" when !clears.Any(clear => MayHaveEnded(evidence, clear, ended - evidence.Epoch)):
                    yield return $"nobody cleared it: {row}";
                    break;
                case "expired" or "released" or "cleared":
                    break;
                default:
                    yield return $"no such end was asked for: {row}";
                    break;
            }

            if (ended > Latest(evidence, row.Expires - evidence.Epoch) + evidence.Epoch)
                yield return $"ended {(ended - row.Expires) / 1e6:0.000} s late: {row}, due {(row.Expires - evidence.Epoch) / 1e6:0.000} s into the run";
        }
    }

    // A clear without an answer may be carried out later, and so may one that a fault has begun anew elsewhere.
    private static bool MayHaveEnded(Evidence evidence, Operation clear, long at)
    {
        var isOver = clear.Answer is Answer.Cleared
            && !evidence.Faults.Any(fault => fault.Effect is not Effect.None && fault.Began <= clear.Completed && clear.Invoked <= fault.Recovered);
        return clear.Answer is not (Answer.Refused or Answer.Unavailable { MayHaveHappened: false })
            && at >= clear.Invoked - Clock.Difference
            && at <= clear.Completed + (isOver ? Clock.Difference : Clock.StillUnderWay);
    }

    /// <summary>How late a release may be while they do.</summary>
    public const long MovedBack = 10_000_000;

    /// <summary>Until when what is due at this moment must be released; microseconds since the recording began.</summary>
    public static long Latest(Evidence evidence, long due)
    {
        var latest = due + Calm;
        foreach (var fault in evidence.Faults.Where(fault => fault.Began <= due + Calm && due <= fault.Recovered + Fault.Settling))
        {
            latest = Math.Max(latest, fault.Effect switch
            {
                Effect.None => latest,
                _ when due > fault.Recovered => due + MovedBack,
                Effect.Failover => due + Moved,
                Effect.Outage => Math.Max(due, fault.Healed) + Moved,
                _ => throw new System.Diagnostics.UnreachableException(),
            });
        }

        return latest;
    }

    /// <summary>Whether what is due at this moment must be released within <see cref="Calm"/>.</summary>
    public static bool IsCalm(Evidence evidence, long due) => Latest(evidence, due) == due + Calm;
}
