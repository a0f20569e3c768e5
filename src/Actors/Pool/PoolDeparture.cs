using Akka;
using Akka.Actor;
using TokenManager.Actors.Pool;

namespace TokenManager.Actors.Hosting;

/// <summary>
/// A node that goes lets its pool, if that is here, bring to its end what it has begun, before the shards go: without them its
/// asks reach no token any more. See docs/adr/0043-the-pool-makes-way-before-the-shards.md.
/// </summary>
internal static class PoolDeparture
{
    public const string SingletonName = "token-pool";

    private static readonly TimeSpan FoundWithin = TimeSpan.FromSeconds(1);

    // The pool is done after a second at most.
    private static readonly TimeSpan MadeWayWithin = TimeSpan.FromSeconds(2);

    public static void Prepare(ActorSystem system) => CoordinatedShutdown.Get(system).AddTask(
        CoordinatedShutdown.PhaseBeforeClusterShutdown, "pool-makes-way", () => MakeWayAsync(system));

    private static async Task<Done> MakeWayAsync(ActorSystem system)
    {
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
