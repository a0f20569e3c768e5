using TokenManager.Faults.History;

namespace TokenManager.Faults.Checks;

/// <summary>
/// Clears that counted more than the ledger has of the time between request and answer, or less when nothing else could have
/// cleared: no other clear without an answer, and no fault, after which a clear may have begun anew on another node.
/// </summary>
internal static class Clears
{
    public static IEnumerable<string> Find(Evidence evidence)
    {
        var cleared = evidence.Rows.Where(row => row.Reason is "cleared").Select(row => row.Ended!.Value - evidence.Epoch).Order().ToList();
        var clears = evidence.Operations.Where(operation => operation.Kind is Kind.Clear).OrderBy(operation => operation.Invoked).ToList();
        foreach (var clear in clears)
        {
            if (clear.Answer is not Answer.Cleared { Count: var count }) continue;

            var (from, to) = (clear.Invoked - Clock.Difference, clear.Completed + Clock.Difference);
            var found = cleared.Count(at => at >= from && at <= to);
            if (count > found)
                yield return $"a clear counted {count}, the ledger has {found} of its time ({clear})";
            else if (count < found && IsAlone(evidence, clears, clear))
                yield return $"a clear counted {count}, the ledger has {found} of its time, and nobody else cleared ({clear})";
        }
    }

    private static bool IsAlone(Evidence evidence, IEnumerable<Operation> clears, Operation clear) =>
        !clears.Any(other => other != clear && other.Invoked <= clear.Completed
            && other.Completed + (other.Answer is Answer.Cleared ? 0 : Clock.StillUnderWay) >= clear.Invoked)
        && !evidence.Faults.Any(fault => fault.Effect is not Effect.None && fault.Began <= clear.Completed && clear.Invoked <= fault.Recovered);
}
