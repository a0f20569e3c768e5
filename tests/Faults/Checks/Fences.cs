using TokenManager.Faults.History;

namespace TokenManager.Faults.Checks;

/// <summary>Usages whose fence is not higher than that of the token's usages before them.</summary>
internal static class Fences
{
    public static IEnumerable<string> Find(Evidence evidence)
    {
        foreach (var ofToken in evidence.Holdings().GroupBy(holding => holding.TokenId))
        {
            var usages = ofToken.OrderBy(holding => holding.From).ThenBy(holding => holding.Fence).ToList();
            foreach (var (earlier, later) in usages.Zip(usages.Skip(1)))
            {
                if (later.Fence <= earlier.Fence) yield return $"token {ofToken.Key}: {later} came after {earlier}";
            }
        }
    }
}
