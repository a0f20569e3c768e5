using Xunit.Abstractions;

namespace TokenManager.Testing;

/// <summary>
/// Begins when no other assembly on this machine runs its tests: many of them are about time, and MSBuild begins two at once now and
/// then. Then it begins with the collections called <see cref="Prefix"/> and something, so that no long one is left over to run
/// alone at the end; the others come in the order of their names.
/// </summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    /// <summary>What the names of long collections begin with.</summary>
    public const string Prefix = "Long: ";

    private static readonly string LockFile = Path.Combine(Path.GetTempPath(), $"token-manager-tests-{Environment.UserName}.lock");

    // Until this process ends.
    private static FileStream? _turn;

    /// <inheritdoc/>
    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections)
    {
        _turn ??= WaitForTurn();
        return testCollections
            .OrderByDescending(collection => collection.DisplayName.StartsWith(Prefix, StringComparison.Ordinal))
            .ThenBy(collection => collection.DisplayName, StringComparer.Ordinal);
    }

    private static FileStream WaitForTurn()
    {
        while (true)
        {
            try
            {
                return new FileStream(LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException)
            {
                Thread.Sleep(100);
            }
        }
    }
}
