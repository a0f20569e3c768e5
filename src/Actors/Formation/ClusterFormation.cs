using Akka.Actor;
using Akka.Cluster;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace TokenManager.Actors.Formation;

/// <summary>
/// Makes a node a member of its cluster, and sees to it that it is one for as long as the registry says so. A node that
/// the registry does not know any more downs itself, whatever it believes of the others: it was frozen or cut off, and
/// they went on without it.
/// </summary>
internal sealed class ClusterFormation
{
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan JoinAgain = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LookForMembership = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SayAgain = TimeSpan.FromSeconds(30);

    private readonly Cluster _cluster;
    private readonly ClusterRegistry _registry;
    private readonly TimeProvider _time;
    private readonly ILogger<ClusterFormation> _log;
    private readonly string[] _seeds;
    private readonly Lock _lock = new();
    private readonly HashSet<UniqueAddress> _removed = [];

    public ClusterFormation(
        ActorSystem system,
        ClusterRegistry registry,
        ClusterSettings settings,
        TimeProvider time,
        ILogger<ClusterFormation> log)
    {
        _cluster = Cluster.Get(system);
        _registry = registry;
        _time = time;
        _log = log;
        _seeds = [.. settings.SeedNodes.Select(seed => $"{_cluster.SelfAddress.Protocol}://{system.Name}@{seed}")];
        system.ActorOf(RemovalListener.Props(Remove), "removal-listener");
        CoordinatedShutdown.Get(system).AddTask(
            CoordinatedShutdown.PhaseClusterShutdown, "leave-the-registry", LeaveRegistryAsync);
    }

    private string Self => _cluster.SelfAddress.ToString();

    private long Uid => _cluster.SelfUniqueAddress.Uid;

    /// <summary>Joins or forms the cluster, then gives signs of life until the node stops or is put out.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        var epoch = await BecomeMemberAsync(stopping);
        var isIn = await UntilAnsweredAsync(() => _registry.RegisterAsync(Self, Uid, epoch, stopping), stopping);
        using var timer = new PeriodicTimer(Heartbeat, _time);
        while (isIn && !_cluster.IsTerminated && await timer.WaitForNextTickAsync(stopping))
            isIn = await RenewAsync(epoch, stopping);

        // Who leaves in order has been taken out by the others.
        if (isIn || _cluster.IsTerminated || _cluster.SelfMember.Status is not (MemberStatus.Up or MemberStatus.WeaklyUp))
            return;

        _log.LogWarning("The cluster has gone on without this node, which leaves it now");
        _cluster.Down(_cluster.SelfAddress);
    }

    private async Task<long> BecomeMemberAsync(CancellationToken stopping)
    {
        var watchedSince = _time.GetTimestamp();
        long? saidAt = null;
        while (true)
        {
            FormationStep step;
            ClusterView view;
            try
            {
                view = await _registry.ReadAsync(Self, stopping);
                step = FormationDecider.Decide(view, Self, _seeds, _time.GetElapsedTime(watchedSince));
                if (step is FormationStep.Form(var last)
                    && await _registry.TryFormAsync(Self, Uid, last, stopping) is { } formed)
                {
                    _log.LogInformation("This node forms cluster {Epoch}", formed);
                    _cluster.Join(_cluster.SelfAddress);
                    await BecomesMemberAsync(Timeout.InfiniteTimeSpan, stopping);
                    return formed;
                }
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
            {
                _log.LogWarning("The cluster's registry cannot be read, and is tried again: {Reason}", failure.Message);
                await Task.Delay(LookAgain, _time, stopping);
                watchedSince = _time.GetTimestamp();
                continue;
            }

            if (step is FormationStep.Join(var addresses))
            {
                _cluster.JoinSeedNodes(addresses.Select(Address.Parse));
                if (await BecomesMemberAsync(JoinAgain, stopping))
                    return view.Epoch;
            }
            else
            {
                if (step is FormationStep.StayOut(var protocol) && !(saidAt is { } at && _time.GetElapsedTime(at) < SayAgain))
                {
                    _log.LogWarning(
                        "This node cannot join its cluster, whose nodes speak {Protocol} while this one speaks {OwnProtocol}: TLS on the "
                            + "cluster port is for all nodes or for none",
                        protocol,
                        _cluster.SelfAddress.Protocol);
                    saidAt = _time.GetTimestamp();
                }

                await Task.Delay(LookAgain, _time, stopping);
            }
        }
    }

    private async Task<bool> BecomesMemberAsync(TimeSpan within, CancellationToken stopping)
    {
        var start = _time.GetTimestamp();
        while (_cluster.SelfMember.Status is not (MemberStatus.Up or MemberStatus.WeaklyUp))
        {
            if (within != Timeout.InfiniteTimeSpan && _time.GetElapsedTime(start) >= within)
                return false;
            await Task.Delay(LookForMembership, _time, stopping);
        }

        return true;
    }

    private async Task<bool> RenewAsync(long epoch, CancellationToken stopping)
    {
        try
        {
            foreach (var node in Removed())
            {
                await _registry.RemoveAsync(node.Address.ToString(), node.Uid, stopping);
                lock (_lock) _removed.Remove(node);
            }

            return await _registry.RenewAsync(Self, Uid, epoch, stopping);
        }
        catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
        {
            // Without the database nobody can say that the node is out, and nobody can form another cluster.
            _log.LogDebug("No sign of life could be given: {Reason}", failure.Message);
            return true;
        }
    }

    private UniqueAddress[] Removed()
    {
        lock (_lock) return [.. _removed];
    }

    private void Remove(UniqueAddress node)
    {
        lock (_lock) _removed.Add(node);
    }

    private async Task<bool> UntilAnsweredAsync(Func<Task<bool>> ask, CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
            {
                _log.LogWarning("The cluster's registry cannot be written, and is tried again: {Reason}", failure.Message);
                await Task.Delay(LookAgain, _time, stopping);
            }
        }
    }

    private async Task<Akka.Done> LeaveRegistryAsync()
    {
        try
        {
            await _registry.RemoveAsync(Self, Uid, CancellationToken.None);
        }
        catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
        {
            _log.LogDebug("The registry keeps this node until its time is over: {Reason}", failure.Message);
        }

        return Akka.Done.Instance;
    }
}
