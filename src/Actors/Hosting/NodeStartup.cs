using Akka.Actor;
using Akka.Cluster;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TokenManager.Actors.Formation;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Tokens;

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
    IHostApplicationLifetime lifetime,
    ILogger<NodeStartup> log) : BackgroundService
{
    /// <summary>How many tokens of a shard may wake together.</summary>
    public const int WarmUpsAtOnce = 8;

    /// <summary>How often, so that the runtime compiles the way better.</summary>
    public const int WarmUpRounds = 4;

    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestWarmUp = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // This service is stopped only when the node has left. A node that is told to go before it has come does not join any more.
        using var going = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.ApplicationStopping);
        try
        {
            await PrepareDatabaseAsync(going.Token);
            await WarmUpAsync(going.Token);
            going.Token.ThrowIfCancellationRequested();
        }
        catch (OperationCanceledException) when (going.IsCancellationRequested)
        {
            return;
        }

        if (formation is not null)
        {
            await formation.RunAsync(stoppingToken);
            return;
        }

        var node = Cluster.Get(system);
        node.Join(node.SelfAddress);
    }

    private async Task WarmUpAsync(CancellationToken going)
    {
        var limit = Task.Delay(LongestWarmUp, time, going);

        // While the first ones compile, each has a connection to itself: those that come later would take turns at a few.
        await RecoverManyAsync(WarmUpActor.WithoutEvents, limit);

        // With events one alone first: several at once would each compile the same, which on a busy machine takes longer than a
        // recovery may.
        if (limit.IsCompleted)
            return;
        var persistenceId = await FindPersistenceIdAsync(going);
        while (!limit.IsCompleted)
        {
            var first = RecoverAsync(persistenceId);
            if (await Task.WhenAny(first, limit) == first && await first) break;
            await Task.Delay(FirstRetry, time, going);
        }

        for (var round = 1; round < WarmUpRounds && !limit.IsCompleted; round++)
            await RecoverManyAsync(persistenceId, limit);
    }

    private async Task RecoverManyAsync(string persistenceId, Task limit)
    {
        var recoveries = Enumerable.Range(0, WarmUpsAtOnce).Select(_ => RecoverAsync(persistenceId));
        await Task.WhenAny(Task.WhenAll(recoveries), limit);
    }

    // What makes events of rows is compiled when the first row is read: it takes a token that has some.
    private async Task<string> FindPersistenceIdAsync(CancellationToken going)
    {
        try
        {
            if (await ledger.FindLentTokenAsync(going) is { } token) return TokenActor.PersistenceIdOf(token);
        }
        catch (LedgerUnavailableException)
        {
            // The node starts all the same; what could not be compiled now is compiled when it is needed.
        }

        return WarmUpActor.WithoutEvents;
    }

    /// <returns>Whether it recovered.</returns>
    private Task<bool> RecoverAsync(string persistenceId)
    {
        var done = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        system.ActorOf(WarmUpActor.Props(persistenceId, done));
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
