using TokenManager.Faults.History;

namespace TokenManager.Faults.Checks;

/// <summary>Moments at which more was held than there is.</summary>
internal static class Capacity
{
    public static IEnumerable<string> Find(Evidence evidence)
    {
        var held = 0;
        // What ends in a moment ends before what begins in it.
        var changes = evidence.Holdings()
            .SelectMany(holding => new[] { (At: holding.From, Change: 1), (At: holding.To, Change: -1) })
            .OrderBy(change => change.At).ThenBy(change => change.Change);
        foreach (var (at, change) in changes)
        {
            held += change;
            if (change > 0 && held > evidence.PoolSize)
                yield return $"{held} of {evidence.PoolSize} tokens were held {(at - evidence.Epoch) / 1e6:0.000} s into the run";
        }
    }
}
