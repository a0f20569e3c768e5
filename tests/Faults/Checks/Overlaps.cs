using TokenManager.Faults.History;

namespace TokenManager.Faults.Checks;

/// <summary>Holdings of the same token, or of the same user, that were not one after the other.</summary>
internal static class Overlaps
{
    public static IEnumerable<string> OfTokens(Evidence evidence) => Find(evidence, holding => holding.TokenId, "token");

    public static IEnumerable<string> OfUsers(Evidence evidence) => Find(evidence, holding => holding.UserId, "user");

    private static IEnumerable<string> Find(Evidence evidence, Func<Holding, Guid> owner, string what)
    {
        foreach (var holdings in evidence.Holdings().GroupBy(owner))
        {
            Holding? longest = null;
            foreach (var holding in holdings.OrderBy(holding => holding.From).ThenBy(holding => holding.To))
            {
                if (longest is not null && holding.From < longest.To)
                    yield return $"{what} {holdings.Key}: {longest} overlaps {holding}";
                if (longest is null || holding.To > longest.To) longest = holding;
            }
        }
    }
}
