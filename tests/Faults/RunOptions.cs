using TokenManager.Faults.Nemeses;

namespace TokenManager.Faults;

/// <summary>What a run is made of.</summary>
/// <param name="Arena">The cluster.</param>
/// <param name="Span">For how long faults are injected.</param>
/// <param name="Nemeses">Which; none for calm all the time.</param>
/// <param name="Seed">Decides which faults come when and to whom, and who asks for what.</param>
internal sealed record RunOptions(ArenaSettings Arena, TimeSpan Span, IReadOnlyList<Nemesis> Nemeses, int Seed)
{
    /// <summary>Whether several faults are injected at once now and then.</summary>
    public bool Together { get; init; } = true;

    /// <summary>How long is waited at the end for what must come to be.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);
}
