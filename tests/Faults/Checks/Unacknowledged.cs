using TokenManager.Faults.History;
using TokenManager.Testing;

namespace TokenManager.Faults.Checks;

/// <summary>
/// Requests whose key got answers that contradict each other or the ledger, and rows that nobody asked for or that are stored by half.
/// </summary>
internal static class Unacknowledged
{
    public static IEnumerable<string> Find(Evidence evidence)
    {
        var rows = evidence.Rows.ToDictionary(row => row.UsageId);
        var journaled = evidence.Journal.ToLookup(entry => entry.UsageId);
        var asked = evidence.Operations.Where(operation => operation.Kind is Kind.Activate).GroupBy(operation => operation.Usage!.Value).ToList();
        foreach (var requests in asked)
        {
            var row = rows.GetValueOrDefault(requests.Key);
            var grants = requests.Select(request => request.Answer).OfType<Answer.Granted>().Select(answer => answer.Grant).Distinct().ToList();
            if (grants.Count > 1)
                yield return $"key {requests.Key} was granted {string.Join(" and ", grants)}";
            if (grants.Any(grant => grant.UsageId != requests.Key || requests.Any(request => request.User != grant.UserId)))
                yield return $"key {requests.Key} of user {requests.First().User} was granted {grants[0]}";
            if (row is not null && requests.Any(request => request.User != row.UserId))
                yield return $"user {requests.First().User} asked with key {requests.Key}, the ledger has {row}";
            if (row is not null && requests.Where(request => request.Invoked <= row.Started - evidence.Epoch + Clock.Difference).All(request => IsDefinite(request.Answer)))
                yield return $"every request with key {requests.Key} that was sent before was told that nothing was granted, the ledger has {row}";
            foreach (var request in requests.OrderBy(request => request.Invoked))
                if (Contradiction(evidence, request, row) is { } wrong) yield return $"{wrong}: {(row is null ? "no row" : row)} ({request})";
            if (row is not null && journaled[requests.Key].Count(entry => entry.IsActivation) != 1)
                yield return $"the ledger has {row}, the journal has {journaled[requests.Key].Count(entry => entry.IsActivation)} activations of it";
            if (row is null && journaled[requests.Key].Any())
                yield return $"the ledger has nothing of key {requests.Key}, the journal has {string.Join(", ", journaled[requests.Key])}";
        }

        var known = asked.Select(requests => requests.Key).ToHashSet();
        foreach (var row in evidence.Rows.Where(row => !known.Contains(row.UsageId)))
            yield return $"nobody asked for {row}";
    }

    private static bool IsDefinite(Answer answer) => answer is Answer.Refused or Answer.Unavailable { MayHaveHappened: false };

    // Asked again while the usage runs, the answer is the grant; afterwards, for ever, that the key has been used.
    private static string? Contradiction(Evidence evidence, Operation request, Row? row)
    {
        var reused = request.Answer is Answer.Refused { Code: "idempotency_key_reused" };
        if (row is null) return reused ? $"key {request.Usage} was refused as used, and never was" : null;

        var (started, ended) = (row.Started - evidence.Epoch, (row.Ended ?? long.MaxValue) - evidence.Epoch);
        var isOver = request.Invoked > ended + Clock.Difference;
        return request.Answer switch
        {
            Answer.Granted when isOver => $"key {request.Usage} was granted what was over",
            Answer.Refused when isOver && !reused => $"key {request.Usage} was refused for another reason than that it had been used",
            Answer.Refused when reused && request.Completed < ended - Clock.Difference => $"key {request.Usage} was refused as used while its usage ran",
            Answer.Refused when !reused && request.Invoked > started && request.Completed < Math.Min(ended, row.Expires - evidence.Epoch) =>
                $"key {request.Usage} was refused while its usage ran",
            _ => null,
        };
    }
}
