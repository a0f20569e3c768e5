using Akka.Actor;
using Akka.Cluster;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using TokenManager.Actors;
using TokenManager.Actors.Cache;
using TokenManager.Actors.Ledger;

namespace TokenManager.Node;

/// <summary>The actor system runs. Nothing else: a node is not restarted because its database is away.</summary>
internal sealed class ActorSystemCheck(ActorSystem system) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken) =>
        Task.FromResult(system.WhenTerminated.IsCompleted
            ? HealthCheckResult.Unhealthy("the actor system has ended")
            : HealthCheckResult.Healthy());
}

/// <summary>The node is a member of its cluster, in full.</summary>
internal sealed class ClusterCheck(ActorSystem system) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken)
    {
        var status = Cluster.Get(system).SelfMember.Status;
        return Task.FromResult(status is MemberStatus.Up
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy($"the node is {status} in its cluster"));
    }
}

/// <summary>The pool answers, on whichever node it is.</summary>
internal sealed class PoolCheck(IPoolMonitor pool) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken) =>
        await pool.ReadStatusAsync(cancellationToken) is null
            ? HealthCheckResult.Unhealthy("the pool does not answer")
            : HealthCheckResult.Healthy();
}

/// <summary>Reads can be answered.</summary>
internal sealed class CacheCheck(ITokenCache cache) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken) =>
        Task.FromResult(cache.IsPrimed
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy("the read cache has not heard from the pool yet"));
}

/// <summary>The database answers.</summary>
internal sealed class DatabaseCheck(ILedger ledger) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken)
    {
        try
        {
            await ledger.PingAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (LedgerUnavailableException)
        {
            return HealthCheckResult.Unhealthy("the database cannot be reached");
        }
    }
}
