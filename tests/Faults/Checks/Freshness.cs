using TokenManager.Faults.History;
using TokenManager.Testing;

namespace TokenManager.Faults.Checks;

/// <summary>
/// Reads that show what was over, or do not show what had begun, longer ago than <see cref="Behind"/>, while no fault was about.
/// </summary>
internal static class Freshness
{
    /// <summary>How far a node's reads may be behind the ledger, in microseconds.</summary>
    public const long Behind = 3_000_000;

    public static IEnumerable<string> Find(Evidence evidence)
    {
        var usages = evidence.Rows.GroupBy(row => row.TokenId)
            .ToDictionary(rows => rows.Key, rows => rows.OrderBy(row => row.Started).ToList());
        foreach (var operation in evidence.Operations)
        {
            if (operation.Answer is not Answer.Shown shown || !evidence.IsCalm(operation.Invoked - Behind, operation.Completed)) continue;

            foreach (var token in shown.Tokens)
            {
                if (usages.TryGetValue(token.TokenId, out var rows) && Stale(evidence, operation, token, rows) is { } row)
                    yield return $"node {operation.Node} showed {token} {(operation.Invoked + evidence.Epoch - (token.Started is null ? row.Started : row.Ended!.Value)) / 1e6:0.0} s after {row} {(token.Started is null ? "began" : "ended")} ({operation.Kind} {operation.Number})";
            }
        }
    }

    // The usage that is not shown and should be, or the other way round.
    private static Row? Stale(Evidence evidence, Operation operation, Listed token, List<Row> rows) => token.Started is { } started
        ? rows.FirstOrDefault(row => row.Started == started && row.Ended is { } ended && ended - evidence.Epoch + Behind < operation.Invoked)
        : rows.FirstOrDefault(row => row.Started - evidence.Epoch + Behind < operation.Invoked
            && (row.Ended ?? long.MaxValue) - evidence.Epoch > operation.Completed + Clock.Difference);
}
