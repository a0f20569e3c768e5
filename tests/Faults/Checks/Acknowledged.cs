using TokenManager.Faults.History;
using TokenManager.Faults.Workload;
using TokenManager.Testing;

namespace TokenManager.Faults.Checks;

/// <summary>
/// Acknowledged activations and releases that are not stored as they were acknowledged, or not of the time between request and
/// answer; and reads and histories that showed what is not stored, or histories that did not show what had been acknowledged before
/// they were asked for.
/// </summary>
internal static class Acknowledged
{
    public static IEnumerable<string> Find(Evidence evidence)
    {
        var rows = evidence.Rows.ToDictionary(row => row.UsageId);
        return Activations(evidence, rows).Concat(Releases(evidence, rows)).Concat(Shown(evidence, rows)).Concat(Missing(evidence));
    }

    private static IEnumerable<string> Activations(Evidence evidence, Dictionary<Guid, Row> rows)
    {
        var journaled = evidence.Journal.Where(entry => entry.IsActivation).ToLookup(entry => entry.UsageId);
        var asked = FirstAsked(evidence, Kind.Activate);
        foreach (var (operation, grant) in evidence.Grants())
        {
            if (rows.GetValueOrDefault(grant.UsageId)?.Grant != grant)
                yield return $"acknowledged {grant}, the ledger has {Text(rows.GetValueOrDefault(grant.UsageId))} ({operation})";

            var events = journaled[grant.UsageId].ToList();
            if (events is not [var only]
                || new Grant(only.UsageId, only.TokenId, only.UserId!.Value, only.Fence, only.Started!.Value, only.Expires!.Value) != grant)
                yield return $"acknowledged {grant}, the journal has {events.Count} activations of it: {string.Join(", ", events)}";

            if (IsOutside(evidence, grant.Started, asked[operation.Usage!.Value], operation.Completed))
                yield return $"acknowledged {grant}, which began {Seconds(evidence, grant.Started)} s into the run, not between request and answer ({operation})";
        }
    }

    private static IEnumerable<string> Releases(Evidence evidence, Dictionary<Guid, Row> rows)
    {
        var asked = FirstAsked(evidence, Kind.Release);
        foreach (var operation in evidence.Operations)
        {
            if (operation.Answer is not Answer.Released released) continue;

            if (rows.GetValueOrDefault(released.UsageId) is not { Reason: "released" } row || row.Ended != released.At)
                yield return $"acknowledged {released}, the ledger has {Text(rows.GetValueOrDefault(released.UsageId))}";
            if (IsOutside(evidence, released.At, asked[operation.Usage!.Value], operation.Completed))
                yield return $"acknowledged {released}, which was {Seconds(evidence, released.At)} s into the run, not between request and answer ({operation})";
        }
    }

    private static IEnumerable<string> Shown(Evidence evidence, Dictionary<Guid, Row> rows)
    {
        var usages = evidence.Rows.Select(row => new Listed(row.TokenId, row.UserId, row.Started, row.Expires)).ToHashSet();
        foreach (var operation in evidence.Operations)
        {
            switch (operation.Answer)
            {
                case Answer.Shown shown:
                    foreach (var token in shown.Tokens.Where(token => token != new Listed(token.TokenId, null, null, null) && !usages.Contains(token)))
                        yield return $"a read showed {token}, the ledger has no such usage ({operation.Kind} {operation.Number})";
                    break;
                case Answer.Past past:
                    foreach (var usage in past.Usages.Where(usage => !IsEarlier(usage, rows.GetValueOrDefault(usage.UsageId))))
                        yield return $"a history showed {usage}, the ledger has {Text(rows.GetValueOrDefault(usage.UsageId))} ({operation.Kind} {operation.Number})";
                    break;
            }
        }
    }

    /// <summary>Whether a usage as it was shown became the row, at most by ending.</summary>
    private static bool IsEarlier(Row shown, Row? row) => row is not null
        && (shown.TokenId, shown.UserId, shown.Fence, shown.Started) == (row.TokenId, row.UserId, row.Fence, row.Started)
        && (shown.IsOpen || (shown.Ended, shown.Reason) == (row.Ended, row.Reason));

    // A full page holds the newest usages, so that whatever is above its oldest one must be on it; another holds all.
    private static IEnumerable<string> Missing(Evidence evidence)
    {
        var grants = evidence.Grants().ToLookup(grant => grant.Grant.TokenId);
        var releases = evidence.Operations.Where(operation => operation.Answer is Answer.Released).ToLookup(operation => operation.Token);
        foreach (var operation in evidence.Operations.Where(operation => operation.Answer is Answer.Past))
        {
            var usages = ((Answer.Past)operation.Answer).Usages;
            var shown = usages.Select(usage => usage.UsageId).ToHashSet();
            var oldest = usages.Count < Caller.HistoryPage ? 0 : usages.Min(usage => usage.Fence);
            foreach (var (earlier, grant) in grants[operation.Token!.Value])
            {
                if (earlier.Completed < operation.Invoked && grant.Fence >= oldest && !shown.Contains(grant.UsageId))
                    yield return $"a history asked for after {grant} was acknowledged does not show it ({operation.Kind} {operation.Number})";
            }

            foreach (var release in releases[operation.Token].Where(release => release.Completed < operation.Invoked))
            {
                if (usages.FirstOrDefault(usage => usage.UsageId == release.Usage) is { IsOpen: true } running)
                    yield return $"a history asked for after {running} was released shows it running ({operation.Kind} {operation.Number})";
            }
        }
    }

    private static Dictionary<Guid, long> FirstAsked(Evidence evidence, Kind kind) => evidence.Operations
        .Where(operation => operation.Kind == kind)
        .GroupBy(operation => operation.Usage!.Value)
        .ToDictionary(requests => requests.Key, requests => requests.Min(request => request.Invoked));

    private static bool IsOutside(Evidence evidence, long stored, long invoked, long completed) =>
        stored - evidence.Epoch < invoked - Clock.Difference || stored - evidence.Epoch > completed + Clock.Difference;

    private static string Seconds(Evidence evidence, long stored) =>
        ((stored - evidence.Epoch) / 1e6).ToString("0.000", System.Globalization.CultureInfo.InvariantCulture);

    private static string Text(Row? row) => row is null ? "nothing" : row.ToString();
}
