using System.Globalization;
using TokenManager.Faults.History;

namespace TokenManager.Faults.Checks;

/// <summary>Spans without a fault in which nobody was granted anything: a service that refuses everything violates no rule.</summary>
internal static class Progress
{
    // Shorter ones prove nothing: callers that were refused may still be waiting before they ask again.
    private const long Shortest = 4_000_000;

    public static IEnumerable<string> Missing(Evidence evidence)
    {
        var granted = evidence.Operations
            .Where(operation => operation is { Kind: Kind.Activate, Answer: Answer.Granted, IsAfterwards: false })
            .Select(operation => operation.Completed).ToList();
        var last = evidence.Operations.Where(operation => !operation.IsAfterwards).Select(operation => operation.Completed).DefaultIfEmpty().Max();
        var recovered = 0L;
        foreach (var began in evidence.Faults.OrderBy(fault => fault.Began).Select(fault => fault.Began).Append(last))
        {
            var (from, to) = (recovered, began);
            if (to - from >= Shortest && !granted.Any(at => at >= from && at <= to))
                yield return string.Create(CultureInfo.InvariantCulture, $"nothing was granted from {from / 1e6:0.0} s to {to / 1e6:0.0} s, and no fault was about");
            recovered = Math.Max(recovered, evidence.Faults.Where(fault => fault.Began <= began).Select(fault => fault.Recovered).DefaultIfEmpty().Max());
        }
    }
}
