using TokenManager.Faults.History;
using TokenManager.Testing;

namespace TokenManager.Faults.Checks;

/// <summary>Differences between what is replayed from the journal, what the ledger says, and what nodes show, at rest.</summary>
internal static class Agreement
{
    public static IEnumerable<string> Find(Evidence evidence)
    {
        var journal = evidence.Journal.ToLookup(entry => entry.TokenId);
        var rows = evidence.Rows.ToLookup(row => row.TokenId);
        foreach (var token in journal.Select(entries => entries.Key).Union(rows.Select(usages => usages.Key)))
        {
            var replayed = Replay(token, [.. journal[token]], out var fault);
            if (fault is not null) yield return fault;
            var stored = rows[token].OrderBy(row => row.Fence).ToList();
            foreach (var (one, other) in Zip(replayed, stored))
            {
                if (one != other) yield return $"token {token}: the journal says {Text(one)}, the ledger {Text(other)}";
            }
        }

        var open = evidence.Rows.Where(row => row.IsOpen).Select(row => new Listed(row.TokenId, row.UserId, row.Started, row.Expires));
        var shown = evidence.Lent is { } lent ? Shown(evidence, lent.Open, lent.Nodes) : [];
        foreach (var difference in Shown(evidence, open, evidence.Nodes).Concat(shown)) yield return difference;
    }

    private static IEnumerable<string> Shown(Evidence evidence, IEnumerable<Listed> open, IEnumerable<QuietNode> nodes)
    {
        var lent = open.ToLookup(token => token.TokenId);
        foreach (var node in nodes)
        {
            if (node.List.Count != evidence.PoolSize)
                yield return $"node {node.Node} lists {node.List.Count} of {evidence.PoolSize} tokens";
            foreach (var (what, tokens) in new[] { ("the list", node.List), ("details", node.Details) })
            {
                foreach (var token in tokens)
                {
                    var expected = lent[token.TokenId].FirstOrDefault() ?? new Listed(token.TokenId, null, null, null);
                    if (token != expected) yield return $"node {node.Node} shows in {what} {token}, the ledger has {expected}";
                }
            }
        }
    }

    private static List<Row> Replay(Guid token, IReadOnlyList<JournalEvent> entries, out string? fault)
    {
        fault = null;
        var usages = new List<Row>();
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            if (entry.SequenceNumber != i + 1)
                fault ??= $"token {token}: event {entry.SequenceNumber} of the journal stands at {i + 1}";

            if (entry.IsActivation && (usages.Count == 0 || !usages[^1].IsOpen))
                usages.Add(new Row(entry.UsageId, token, entry.UserId!.Value, entry.Fence, entry.Started!.Value, entry.Expires!.Value, null, null));
            else if (!entry.IsActivation && usages.Count > 0 && usages[^1].IsOpen && usages[^1].UsageId == entry.UsageId)
                usages[^1] = usages[^1] with { Ended = entry.Ended, Reason = entry.Reason };
            else
                fault ??= $"token {token}: the journal has {entry} after {(usages.Count == 0 ? "nothing" : usages[^1].ToString())}";
        }

        return usages;
    }

    private static IEnumerable<(Row? One, Row? Other)> Zip(List<Row> some, List<Row> others)
    {
        for (var i = 0; i < Math.Max(some.Count, others.Count); i++)
            yield return (some.ElementAtOrDefault(i), others.ElementAtOrDefault(i));
    }

    private static string Text(Row? row) => row is null ? "nothing" : row.ToString();
}
