using TokenManager.Faults.History;

namespace TokenManager.Faults.Checks;

/// <summary>A rule of the service, and how to find out where a run broke it.</summary>
/// <param name="Number">As in the documentation.</param>
/// <param name="Rule">In a sentence.</param>
/// <param name="Find">Says of each violation what it was; the shortest explanation first.</param>
internal sealed record Check(int Number, string Rule, Func<Evidence, IEnumerable<string>> Find)
{
    public static IReadOnlyList<Check> All { get; } =
    [
        new(1, "No token has two overlapping usages.", Overlaps.OfTokens),
        new(2, "No user has two overlapping usages.", Overlaps.OfUsers),
        new(3, "Never more usages than tokens.", Capacity.Find),
        new(4, "Every acknowledged activation is in ledger and journal, once, as it was acknowledged.", Acknowledged.Find),
        new(5, "An activation without an answer is there whole or not at all, and its key tells which.", Unacknowledged.Find),
        new(6, "Fences strictly increase for each token.", Fences.Find),
        new(7, "Every usage ends once, for its reason, neither early nor later than promised.", Endings.Find),
        new(8, "Journal, ledger and every node's reads agree when all is quiet.", Agreement.Find),
        new(9, "No node's reads of a token go back, or stay behind.", evidence => Monotonic.Find(evidence).Concat(Freshness.Find(evidence))),
        new(10, "Nobody is locked out: every user can activate again at the end.", Readmission.Find),
        new(11, "A clear's count is what the ledger says was cleared.", Clears.Find),
        new(12, "Free, lent and reserved tokens add up to the pool.", Books.Find),
    ];

    /// <summary>What a run violated. A history that a check cannot even read is a violation, too.</summary>
    public IReadOnlyList<string> FindAll(Evidence evidence)
    {
        var found = new List<string>();
        try
        {
            foreach (var violation in Find(evidence)) found.Add(violation);
        }
        catch (Exception failure) when (failure is ArgumentException or InvalidOperationException or KeyNotFoundException or NullReferenceException)
        {
            found.Add($"the history makes no sense to this check: {failure.Message}");
        }

        return found;
    }

    public override string ToString() => $"check {Number}";
}
