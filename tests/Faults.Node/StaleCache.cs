using Akka.Actor;
using Akka.Hosting;
using TokenManager.Actors.Cache;

namespace TokenManager.Faults.Node;

/// <summary>Ends the actor that listens to the topic and compares digests with the pool.</summary>
internal sealed class StaleCache(ITokenCache cache, ActorSystem system, IReadOnlyActorRegistry actors) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(3);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Otherwise the node would never be ready.
        while (!cache.IsPrimed)
            await Task.Delay(Interval, stoppingToken);

        await Task.Delay(Soon, stoppingToken);
        system.Stop(actors.Get<TokenCacheActor>());
    }
}
