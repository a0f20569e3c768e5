using TokenManager.Faults.History;

namespace TokenManager.Faults.Checks;

/// <summary>Figures of the pool that do not add up, or are not those of a pool at rest at the end.</summary>
internal static class Books
{
    public static IEnumerable<string> Find(Evidence evidence)
    {
        foreach (var operation in evidence.Operations.Where(operation => operation.Kind is Kind.Pool))
        {
            switch (operation.Answer)
            {
                case Answer.Figures pool when pool.Free + pool.Active + pool.Reserved != pool.Total || pool.Total != evidence.PoolSize || Negative(pool):
                    yield return $"of {evidence.PoolSize} tokens the pool counts {pool} (operation {operation.Number})";
                    break;
                case Answer.Figures pool when operation.IsAfterwards && (pool.Free != evidence.PoolSize || pool.InFlight != 0):
                    yield return $"at rest the pool counts {pool} (operation {operation.Number})";
                    break;
                case Answer.Broken broken:
                    yield return broken.What;
                    break;
                case var answer when operation.IsAfterwards && answer is not Answer.Figures:
                    yield return $"at rest node {operation.Node} knows no figures of the pool: {answer}";
                    break;
            }
        }
    }

    private static bool Negative(Answer.Figures pool) => pool.Free < 0 || pool.Active < 0 || pool.Reserved < 0 || pool.InFlight < 0;
}
