using TokenManager.Faults.Checks;
using TokenManager.Faults.History;

namespace TokenManager.Faults;

/// <summary>What came of a run.</summary>
/// <param name="Options">What the run was made of.</param>
/// <param name="Evidence">What is known of it.</param>
/// <param name="Violations">By check.</param>
/// <param name="Troubles">What did not work, apart from the checks: a cluster that did not come back, say.</param>
/// <param name="Logs">What every node said.</param>
internal sealed record Outcome(
    RunOptions Options,
    Evidence Evidence,
    IReadOnlyDictionary<Check, IReadOnlyList<string>> Violations,
    IReadOnlyList<string> Troubles,
    IReadOnlyList<IReadOnlyList<string>> Logs)
{
    public bool IsGood => Troubles.Count == 0 && Violations.Values.All(found => found.Count == 0);
}
