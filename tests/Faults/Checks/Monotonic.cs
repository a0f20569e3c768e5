using TokenManager.Faults.History;
using TokenManager.Testing;

namespace TokenManager.Faults.Checks;

/// <summary>
/// Reads that show a token older than the same process had shown it, or had answered an activation or a release of it, before the
/// read was sent. A token's state is counted as its history: 2f − 1 while the usage with fence f runs, 2f once it has ended.
/// </summary>
internal static class Monotonic
{
    public static IEnumerable<string> Find(Evidence evidence)
    {
        var known = evidence.Rows.GroupBy(row => (row.TokenId, row.Started)).ToDictionary(rows => rows.Key, rows => rows.First());
        var usages = evidence.Rows.ToDictionary(row => row.UsageId);
        var ends = evidence.Rows.GroupBy(row => (row.TokenId, row.Fence))
            .ToDictionary(rows => rows.Key, rows => (rows.First().Ended ?? long.MaxValue) - evidence.Epoch);
        var seen = new Dictionary<(int Node, int Run, Guid Token), List<Sight>>();
        foreach (var operation in evidence.Operations.Where(operation => operation.Run is not null).OrderBy(operation => operation.Completed))
        {
            foreach (var (token, state) in Told(operation, known, usages))
            {
                var key = (operation.Node, operation.Run!.Value, token);
                if (!seen.TryGetValue(key, out var sights)) seen.Add(key, sights = [new Sight(long.MinValue, 0, 0)]);
                var before = Before(sights, operation.Invoked);
                if (IsBack(operation, token, state, before, ends))
                    yield return $"node {operation.Node} showed token {token} {(state is null ? "as available" : $"at {state}")} after it had told of {before.Version} in operation {before.Operation} ({operation.Kind} {operation.Number})";
                // Available is after any usage: after the newest one that was known, at least.
                var version = state ?? before.Version + before.Version % 2;
                if (version > sights[^1].Version) sights.Add(new Sight(operation.Completed, version, operation.Number));
            }
        }
    }

    // What is shown as available has ended since, or it is as it was before it was lent.
    private static bool IsBack(
        Operation operation, Guid token, long? state, Sight before, Dictionary<(Guid Token, long Fence), long> ends) =>
        operation.Kind is Kind.List or Kind.Details
        && (state is { } version
            ? version < before.Version
            : before.Version % 2 == 1
                && ends.TryGetValue((token, (before.Version + 1) / 2), out var ended)
                && ended > operation.Completed + Clock.Difference);

    // The newest version that was told before this moment. Sights are in the order of completion, with rising versions.
    private static Sight Before(List<Sight> sights, long invoked)
    {
        var i = sights.Count - 1;
        while (sights[i].Completed >= invoked) i--;
        return sights[i];
    }

    // Null: available, after whatever usage.
    private static IEnumerable<(Guid Token, long? State)> Told(
        Operation operation, Dictionary<(Guid Token, long Started), Row> known, Dictionary<Guid, Row> usages)
    {
        switch (operation.Answer)
        {
            case Answer.Granted granted:
                // Asked again, the answer is the grant as it was.
                yield return (granted.Grant.TokenId, 2 * granted.Grant.Fence - 1);
                break;
            case Answer.Released released when usages.TryGetValue(released.UsageId, out var row):
                yield return (row.TokenId, 2 * row.Fence);
                break;
            case Answer.Shown shown:
                foreach (var token in shown.Tokens)
                {
                    if (token.Started is not { } started) yield return (token.TokenId, null);
                    else if (known.TryGetValue((token.TokenId, started), out var row)) yield return (token.TokenId, 2 * row.Fence - 1);
                }

                break;
        }
    }

    private sealed record Sight(long Completed, long Version, long Operation);
}
