using TokenManager.Faults.History;
using TokenManager.Testing;

namespace TokenManager.Faults.Checks;

/// <summary>
/// Acknowledged activations and releases that are not stored as they were acknowledged, and histories that showed what is not
/// stored, or did not show what had been acknowledged before they were asked for.
/// </summary>
internal static class Acknowledged
{
    public static IEnumerable<string> Find(Evidence evidence)
    {
        var rows = evidence.Rows.ToDictionary(row => row.UsageId);
        var journaled = evidence.Journal.Where(entry => entry.IsActivation).ToLookup(entry => entry.UsageId);
        foreach (var (operation, grant) in evidence.Grants())
        {
            if (rows.GetValueOrDefault(grant.UsageId)?.Grant != grant)
                yield return $"acknowledged {grant}, the ledger has {Text(rows.GetValueOrDefault(grant.UsageId))} ({operation})";

            var events = journaled[grant.UsageId].ToList();
            if (events is not [var only]
                || new Grant(only.UsageId, only.TokenId, only.UserId!.Value, only.Fence, only.Started!.Value, only.Expires!.Value) != grant)
                yield return $"acknowledged {grant}, the journal has {events.Count} activations of it: {string.Join(", ", events)}";
        }

        foreach (var operation in evidence.Operations)
        {
            switch (operation.Answer)
            {
                case Answer.Released released when rows.GetValueOrDefault(released.UsageId) is not { Reason: "released" } row || row.Ended != released.At:
                    yield return $"acknowledged {released}, the ledger has {Text(rows.GetValueOrDefault(released.UsageId))}";
                    break;
                case Answer.Past past:
                    foreach (var usage in past.Usages.Where(usage => !IsEarlier(usage, rows.GetValueOrDefault(usage.UsageId))))
                        yield return $"a history showed {usage}, the ledger has {Text(rows.GetValueOrDefault(usage.UsageId))} ({operation.Kind} {operation.Number})";
                    break;
            }
        }

        foreach (var missing in Missing(evidence)) yield return missing;
    }

    /// <summary>Whether a usage as it was shown became the row, at most by ending.</summary>
    private static bool IsEarlier(Row shown, Row? row) => row is not null
        && (shown.TokenId, shown.UserId, shown.Fence, shown.Started) == (row.TokenId, row.UserId, row.Fence, row.Started)
        && (shown.IsOpen || (shown.Ended, shown.Reason) == (row.Ended, row.Reason));

    // A page holds the newest usages, so that whatever is above its oldest one must be on it.
    private static IEnumerable<string> Missing(Evidence evidence)
    {
        var grants = evidence.Grants().ToLookup(grant => grant.Grant.TokenId);
        foreach (var operation in evidence.Operations.Where(operation => operation.Answer is Answer.Past))
        {
            var usages = ((Answer.Past)operation.Answer).Usages;
            var shown = usages.Select(usage => usage.UsageId).ToHashSet();
            var oldest = usages.Count == 0 ? 0 : usages.Min(usage => usage.Fence);
            foreach (var (earlier, grant) in grants[operation.Token!.Value])
            {
                if (earlier.Completed < operation.Invoked && grant.Fence >= oldest && !shown.Contains(grant.UsageId))
                    yield return $"a history asked for after {grant} was acknowledged does not show it ({operation.Kind} {operation.Number})";
            }
        }
    }

    private static string Text(Row? row) => row is null ? "nothing" : row.ToString();
}
