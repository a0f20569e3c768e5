using Akka;
using Akka.Actor;

namespace TokenManager.Actors.Pool;

/// <summary>
/// A node that goes lets its pool, if that is here, bring to its end what it has begun, before the shards go: without them its
/// asks reach no token any more. See docs/adr/0043-the-pool-makes-way-before-the-shards.md.
/// </summary>
internal sealed class PoolDeparture
{
    public const string SingletonName = "token-pool";

    private static readonly TimeSpan FoundWithin = TimeSpan.FromSeconds(1);

    // The pool is done after a second at most.
    private static readonly TimeSpan MadeWayWithin = TimeSpan.FromSeconds(2);

    private volatile bool _hasBegun;

    /// <summary>Whether no pool shall begin anything on this node any more, not even one that comes here only now.</summary>
    public bool HasBegun => _hasBegun;

    /// <summary>Makes the pool of this node make way when the node goes.</summary>
    public void Prepare(ActorSystem system) => CoordinatedShutdown.Get(system).AddTask(
        CoordinatedShutdown.PhaseBeforeClusterShutdown, "pool-makes-way", () => MakeWayAsync(system));

    /// <summary>The shards of this node are about to go.</summary>
    public void Begin() => _hasBegun = true;

    private async Task<Done> MakeWayAsync(ActorSystem system)
    {
        Begin();
        try
        {
            var pool = await system.ActorSelection($"/user/{SingletonName}/{SingletonName}").ResolveOne(FoundWithin);
            await pool.Ask<MadeWay>(MakeWay.Instance, MadeWayWithin);
        }
        catch (Exception failure) when (failure is ActorNotFoundException or AskTimeoutException)
        {
            // It is on another node, or has ended meanwhile.
        }

        return Done.Instance;
    }
}
