using Akka.Actor;
using Akka.Cluster;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TokenManager.Actors.Formation;
using TokenManager.Actors.Ledger;

namespace TokenManager.Actors.Hosting;

/// <summary>
/// Brings a node from nothing to the cluster: migrates the database, records the configured pool size, joins, and goes
/// on to show the others that it is alive. A database that is not there yet is waited for; meanwhile the node lives but
/// is not ready.
/// </summary>
internal sealed class NodeStartup(
    ActorSystem system,
    ILedger ledger,
    Store store,
    PoolSettings pool,
    string appVersion,
    ClusterFormation? formation,
    TimeProvider time,
    ILogger<NodeStartup> log) : BackgroundService
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestWarmUp = TimeSpan.FromSeconds(3);

    // As many as a shard's tokens that wake together, and often enough that the runtime compiles the way better.
    private const int WarmUpsAtOnce = 8;
    private const int WarmUpRounds = 4;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await PrepareDatabaseAsync(stoppingToken);
        await WarmUpAsync(stoppingToken);

        if (formation is not null)
        {
            await formation.RunAsync(stoppingToken);
            return;
        }

        var node = Cluster.Get(system);
        node.Join(node.SelfAddress);
    }

    private async Task WarmUpAsync(CancellationToken stoppingToken)
    {
        var limit = Task.Delay(LongestWarmUp, time, stoppingToken);
        for (var round = 0; round < WarmUpRounds && !limit.IsCompleted; round++)
        {
            var recoveries = Enumerable.Range(0, WarmUpsAtOnce).Select(_ => RecoverAsync());
            await Task.WhenAny(Task.WhenAll(recoveries), limit);
        }
    }

    private Task RecoverAsync()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        system.ActorOf(WarmUpActor.Props(done));
        return done.Task;
    }

    private async Task PrepareDatabaseAsync(CancellationToken stoppingToken)
    {
        for (var retry = FirstRetry; ; retry = retry * 2 < LastRetry ? retry * 2 : LastRetry)
        {
            try
            {
                await LedgerMigrations.ApplyAsync(store, stoppingToken);
                await ledger.DeclarePoolAsync(pool.Size, appVersion, stoppingToken);
                return;
            }
            catch (LedgerUnavailableException unavailable)
            {
                log.LogWarning(
                    "The database cannot be reached, and is tried again in {Retry}: {Reason}",
                    retry,
                    unavailable.InnerException?.Message ?? unavailable.Message);
            }

            await Task.Delay(retry, time, stoppingToken);
        }
    }
}
