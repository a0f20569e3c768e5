using TokenManager.Faults.Node;

namespace TokenManager.Faults.Planted;

/// <summary>A defect that is put into the node on purpose, and the checks that must find it.</summary>
/// <param name="Word">As the defective node knows it.</param>
/// <param name="Checks">Their numbers.</param>
internal sealed record PlantedFault(string Word, IReadOnlyList<int> Checks)
{
    public static IReadOnlyList<PlantedFault> All { get; } =
    [
        new("without-token-index", [1]),
        new("without-user-index", [2]),
        new("over-capacity", [3]),
        new("answers-before-commit", [4]),
        new("forgets-keys", [5]),
        new("ignores-fence", [6]),
        new("expires-early", [7]),
        new("never-expires", [7, 10]),
        new("closes-by-token", [7]),
        new("skips-journal", [4, 8]),
        new("stale-cache", [8]),
        new("empty-cache", [8]),
        new("reads-go-back", [9]),
        new("locks-out", [10]),
        new("miscounts-clears", [11]),
        new("loses-a-token", [12]),
    ];

    /// <summary>In a sentence.</summary>
    public string What => Defects.All.Single(defect => defect.Word == Word).What;
}
