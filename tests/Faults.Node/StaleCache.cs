using Akka.Actor;
using Akka.Hosting;
using TokenManager.Actors.Cache;

namespace TokenManager.Faults.Node;

/// <summary>Ends the actor that listens to the topic and compares digests with the pool, so soon after it knew all.</summary>
internal sealed class StaleCache(TimeSpan soon, ITokenCache cache, ActorSystem system, IReadOnlyActorRegistry actors) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Otherwise the node would never be ready.
        while (!cache.IsPrimed)
            await Task.Delay(Interval, stoppingToken);

        await Task.Delay(soon, stoppingToken);
        system.Stop(actors.Get<TokenCacheActor>());
    }
}
