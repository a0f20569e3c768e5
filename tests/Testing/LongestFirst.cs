using Xunit.Abstractions;

namespace TokenManager.Testing;

/// <summary>
/// Begins with the collections called <see cref="Prefix"/> and something, so that no long one is left over to run alone at the
/// end; the others come in the order of their names.
/// </summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    /// <summary>What the names of long collections begin with.</summary>
    public const string Prefix = "Long: ";

    /// <inheritdoc/>
    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) => testCollections
        .OrderByDescending(collection => collection.DisplayName.StartsWith(Prefix, StringComparison.Ordinal))
        .ThenBy(collection => collection.DisplayName, StringComparer.Ordinal);
}
