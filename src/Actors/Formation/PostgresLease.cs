using Akka.Actor;
using Akka.Coordination;
using Akka.DependencyInjection;
using Npgsql;

namespace TokenManager.Actors.Formation;

/// <summary>
/// One lease as Akka.NET's split brain resolver wants it. Held only as long as the database last said, counted from
/// before it was asked: a node that was frozen wakes without it.
/// </summary>
public sealed class PostgresLease : Lease
{
    private readonly PostgresLeases _leases;
    private readonly Task _ended;
    private readonly Lock _lock = new();
    private Possession? _held;

    /// <summary>Made by Akka.NET, by name.</summary>
    public PostgresLease(LeaseSettings settings, ExtendedActorSystem system)
        : this(settings, DependencyResolver.For(system).Resolver.GetService<PostgresLeases>(), system.WhenTerminated)
    {
    }

    internal PostgresLease(LeaseSettings settings, PostgresLeases leases, Task ended)
        : base(settings)
    {
        _leases = leases;
        _ended = ended;
    }

    private sealed record Possession(long Fence, long Asked, CancellationTokenSource Released);

    private TimeSpan TimeToLive => Settings.TimeoutSettings.HeartbeatTimeout;

    /// <inheritdoc/>
    public override Task<bool> Acquire() => Acquire(_ => { });

    /// <inheritdoc/>
    /// <exception cref="NpgsqlException">The database could not be asked: the lease is not held.</exception>
    /// <exception cref="TimeoutException">The database did not answer in time: the lease is not held.</exception>
    public override async Task<bool> Acquire(Action<Exception> leaseLostCallback)
    {
        if (CheckLease())
            return true;

        var asked = TimeProvider.System.GetTimestamp();
        if (await InTimeAsync(limit => _leases.TryAcquireAsync(Settings.LeaseName, Settings.OwnerName, TimeToLive, limit)) is not { } fence)
            return false;

        var held = new Possession(fence, asked, new CancellationTokenSource());
        lock (_lock) _held = held;
        _ = HoldAsync(held, leaseLostCallback);
        return CheckLease();
    }

    /// <inheritdoc/>
    public override async Task<bool> Release()
    {
        Possession? held;
        lock (_lock) (held, _held) = (_held, null);
        if (held is null)
            return true;

        await held.Released.CancelAsync();
        return await InTimeAsync(async limit =>
        {
            await _leases.ReleaseAsync(Settings.LeaseName, held.Fence, limit);
            return true;
        });
    }

    /// <inheritdoc/>
    public override bool CheckLease()
    {
        lock (_lock) return _held is { } held && TimeProvider.System.GetElapsedTime(held.Asked) < TimeToLive;
    }

    /// <summary>
    /// A task that was cancelled is not one that failed to Akka.NET: its split brain resolver would wait for ever.
    /// </summary>
    private async Task<T> InTimeAsync<T>(Func<CancellationToken, Task<T>> ask)
    {
        using var limit = new CancellationTokenSource(Settings.TimeoutSettings.OperationTimeout);
        try
        {
            return await ask(limit.Token);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            throw new TimeoutException($"The database did not answer for the lease {Settings.LeaseName} in time.");
        }
    }

    private async Task HoldAsync(Possession held, Action<Exception> leaseLostCallback)
    {
        Exception? cause = null;
        using var timer = new PeriodicTimer(Settings.TimeoutSettings.HeartbeatInterval);
        while (!_ended.IsCompleted && TimeProvider.System.GetElapsedTime(held.Asked) < TimeToLive)
        {
            try
            {
                await timer.WaitForNextTickAsync(held.Released.Token);
                var asked = TimeProvider.System.GetTimestamp();
                if (!await _leases.RenewAsync(Settings.LeaseName, held.Fence, TimeToLive, held.Released.Token))
                    break;

                lock (_lock)
                {
                    var renewed = held with { Asked = asked };
                    if (_held == held)
                        _held = renewed;
                    held = renewed;
                }
            }
            catch (OperationCanceledException) when (held.Released.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
            {
                cause = failure;
            }
        }

        lock (_lock)
        {
            if (_held == held)
                _held = null;
        }

        leaseLostCallback(cause!);
    }
}
