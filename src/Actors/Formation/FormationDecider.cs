using Akka.Actor;

namespace TokenManager.Actors.Formation;

/// <summary>What a node does next to become a member of its cluster.</summary>
internal abstract record FormationStep
{
    private FormationStep() { }

    /// <summary>Ask these to be let in.</summary>
    public sealed record Join(IReadOnlyList<string> Addresses) : FormationStep;

    /// <summary>Try to take the right to form a cluster.</summary>
    public sealed record Form(long Epoch) : FormationStep;

    /// <summary>Look again later: those who are there speak another protocol than this node, which cannot join them.</summary>
    public sealed record StayOut(string Protocol) : FormationStep;

    /// <summary>Look again shortly.</summary>
    public sealed record Wait : FormationStep
    {
        public static readonly Wait Instance = new();
    }
}

/// <summary>
/// Join, form or wait. It may be wrong about who is alive: that costs time, and never makes a second cluster, because the
/// registry's statement decides who forms one.
/// </summary>
internal static class FormationDecider
{
    /// <param name="view">What the database says.</param>
    /// <param name="self">This node's address.</param>
    /// <param name="seeds">Configured addresses, in order; empty where nodes find each other through the database.</param>
    /// <param name="watched">
    /// For how long this node has been reading without a gap. After an outage of the database everybody looks dead, until
    /// the living have had the time for a sign of life.
    /// </param>
    public static FormationStep Decide(RegisteredCluster view, string self, IReadOnlyList<string> seeds, TimeSpan watched)
    {
        var members = view.Others.Where(other => other is { IsAlive: true, HasJoined: true }).ToList();
        if (members.Count > 0)
        {
            // With TLS it is another one. Nobody is in both clusters, so one member speaks for all.
            if (Protocol(members[0].Address) is var protocol && protocol != Protocol(self))
                return new FormationStep.StayOut(protocol);

            return new FormationStep.Join(seeds.Count > 0
                ? [.. seeds.Where(seed => seed != self)]
                : [.. members.Select(member => member.Address)]);
        }

        var mayForm = seeds.Count == 0 || seeds[0] == self;
        var nobodyElse = view.Others.Count == 0;
        var everybodyDead = !view.IsAlive && watched >= ClusterRegistry.TimeToLive;
        return mayForm && (nobodyElse || everybodyDead)
            ? new FormationStep.Form(view.Epoch)
            : FormationStep.Wait.Instance;
    }

    private static string Protocol(string address) => Address.Parse(address).Protocol;
}
