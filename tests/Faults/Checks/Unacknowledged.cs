using TokenManager.Faults.History;

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
            if (row is not null && requests.All(request => IsDefinite(request.Answer)))
                yield return $"every request with key {requests.Key} was told that nothing was granted, the ledger has {row}";
            if (row is not null && Contradiction(requests.OrderBy(request => request.Invoked), row.Started - evidence.Epoch, Math.Min(row.Ended ?? row.Expires, row.Expires) - evidence.Epoch) is { } wrong)
                yield return $"key {requests.Key} was refused with {wrong} while its usage ran: {row}";
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

    // Asked again while the usage runs, the answer is the grant.
    private static string? Contradiction(IEnumerable<Operation> requests, long started, long ended) => requests
        .Where(request => request.Answer is Answer.Refused && request.Invoked > started && request.Completed < ended)
        .Select(request => ((Answer.Refused)request.Answer).Code)
        .FirstOrDefault();
}
