using Akka.Actor;
using Akka.Cluster;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace TokenManager.Actors.Formation;

/// <summary>
/// Makes a node a member of its cluster, and sees to it that it is one for as long as the registry says so. A node that
/// the registry does not know any more downs itself, whatever it believes of the others: it was frozen or cut off, and
/// they went on without it. One that gives no signs of life while the others can is downed by them.
/// </summary>
internal sealed class ClusterFormation
{
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan JoinAgain = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LookForMembership = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan SayAgain = TimeSpan.FromSeconds(30);

    private readonly Cluster _cluster;
    private readonly ClusterRegistry _registry;
    private readonly TimeProvider _time;
    private readonly ILogger<ClusterFormation> _log;
    private readonly string[] _seeds;
    private readonly Lock _lock = new();
    private readonly HashSet<UniqueAddress> _removed = [];
    private readonly SilenceWatch _silence;

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
        _silence = new SilenceWatch(time);
        _seeds = [.. settings.SeedNodes.Select(seed => $"{_cluster.SelfAddress.Protocol}://{system.Name}@{seed}")];
        system.ActorOf(RemovalListener.Props(Remove), "removal-listener");
        CoordinatedShutdown.Get(system).AddTask(
            CoordinatedShutdown.PhaseClusterShutdown, "leave-the-registry", LeaveRegistryAsync);
    }

    private string Self => _cluster.SelfAddress.ToString();

    private long Uid => _cluster.SelfUniqueAddress.Uid;

    private UniqueAddress[] OtherMembers =>
        [.. _cluster.State.Members.Select(member => member.UniqueAddress).Where(node => !node.Equals(_cluster.SelfUniqueAddress))];

    private bool IsInCluster => _cluster.State.Members.Any(member => member.UniqueAddress.Equals(_cluster.SelfUniqueAddress));

    /// <summary>Joins or forms the cluster, then gives signs of life until the node stops or is put out.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        var formed = await EnterAsync(stopping);
        var isIn = await ConfirmAsync(formed, stopping) is { } epoch && await StayAsync(epoch, stopping);

        // Who leaves in order has been taken out by the others.
        if (isIn || _cluster.IsTerminated || _cluster.SelfMember.Status is MemberStatus.Leaving or MemberStatus.Exiting or MemberStatus.Down)
            return;

        _log.LogWarning("The cluster has gone on without this node, which leaves it now");
        _cluster.Down(_cluster.SelfAddress);
        // Nobody can down who is not in yet.
        if (_cluster.SelfMember.Status is not (MemberStatus.Up or MemberStatus.WeaklyUp))
            await CoordinatedShutdown.Get(_cluster.System).Run(CoordinatedShutdown.ClusterDowningReason.Instance);
    }

    /// <summary>Asks to be let in, or forms a cluster.</summary>
    /// <returns>The epoch of the cluster that the node formed; null if others may have let it in.</returns>
    private async Task<long?> EnterAsync(CancellationToken stopping)
    {
        var watchedSince = _time.GetTimestamp();
        var isAnnounced = false;
        long? saidAt = null;
        while (!IsInCluster)
        {
            try
            {
                var view = await _registry.ReadAsync(Self, stopping);
                switch (FormationDecider.Decide(view, Self, _seeds, _time.GetElapsedTime(watchedSince)))
                {
                    case FormationStep.Form(var last) when await _registry.TryFormAsync(Self, Uid, last, stopping) is { } formed:
                        _log.LogInformation("This node forms cluster {Epoch}", formed);
                        _cluster.Join(_cluster.SelfAddress);
                        return formed;

                    case FormationStep.Join(var addresses):
                        // Known before it is let in: those who put it out again have a row to delete.
                        if (!isAnnounced)
                            await _registry.AnnounceAsync(Self, Uid, stopping);
                        isAnnounced = true;
                        _cluster.JoinSeedNodes(addresses.Select(Address.Parse));
                        if (!await WaitToBeLetInAsync(stopping))
                            return null;
                        continue;

                    case FormationStep.StayOut(var protocol) when !(saidAt is { } at && _time.GetElapsedTime(at) < SayAgain):
                        _log.LogWarning(
                            "This node cannot join its cluster, whose nodes speak {Protocol} while this one speaks {OwnProtocol}: TLS on the "
                                + "cluster port is for all nodes or for none",
                            protocol,
                            _cluster.SelfAddress.Protocol);
                        saidAt = _time.GetTimestamp();
                        break;
                }
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
            {
                _log.LogWarning("The cluster's registry cannot be reached, and is tried again: {Reason}", failure.Message);
                await Task.Delay(LookAgain, _time, stopping);
                watchedSince = _time.GetTimestamp();
                continue;
            }

            await Task.Delay(LookAgain, _time, stopping);
        }

        return null;
    }

    /// <returns>False if others let the node in and took it out again before it knew.</returns>
    private async Task<bool> WaitToBeLetInAsync(CancellationToken stopping)
    {
        var start = _time.GetTimestamp();
        var followed = start;
        while (!IsInCluster && _time.GetElapsedTime(start) < JoinAgain)
        {
            if (_time.GetElapsedTime(followed) >= Heartbeat)
            {
                if (await _registry.FollowAsync(Self, Uid, [], stopping) is null)
                    return false;
                followed = _time.GetTimestamp();
            }

            await Task.Delay(LookForMembership, _time, stopping);
        }

        return true;
    }

    /// <summary>Waits until the node is up, and has itself registered as a member of the present cluster.</summary>
    /// <returns>
    /// That cluster's epoch. Null if the node is out: others took it out, or those who let it in are not those whom the
    /// registry knows. It may have been let in by a cluster that has been replaced since.
    /// </returns>
    private async Task<long?> ConfirmAsync(long? formed, CancellationToken stopping)
    {
        var strangeSince = _time.GetTimestamp();
        while (!_cluster.IsTerminated)
        {
            var isUp = _cluster.SelfMember.Status is MemberStatus.Up or MemberStatus.WeaklyUp;
            try
            {
                if (formed is { } own)
                {
                    // Somebody older: an earlier question was answered late, and this is not the cluster that was formed.
                    if (isUp)
                        return IsOldest() && await _registry.ConfirmAsync(Self, Uid, own, stopping) ? own : null;
                }
                else
                {
                    long[] members = [.. OtherMembers.Select(member => (long)member.Uid)];
                    if (await _registry.FollowAsync(Self, Uid, members, stopping) is not var (epoch, isVouchedFor))
                        return null;
                    if (isVouchedFor && isUp && await _registry.ConfirmAsync(Self, Uid, epoch, stopping))
                        return epoch;
                    // Who formed the cluster may have let the node in before it has written that it is in itself.
                    if (isVouchedFor)
                        strangeSince = _time.GetTimestamp();
                    else if (_time.GetElapsedTime(strangeSince) >= ClusterRegistry.TimeToLive)
                        return null;
                }
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
            {
                _log.LogWarning("The cluster's registry cannot be reached, and is tried again: {Reason}", failure.Message);
                strangeSince = _time.GetTimestamp();
            }

            await Task.Delay(LookForMembership, _time, stopping);
        }

        return null;
    }

    private bool IsOldest() => !_cluster.State.Members.Any(member => member.IsOlderThan(_cluster.SelfMember));

    /// <returns>False if the node is out.</returns>
    private async Task<bool> StayAsync(long epoch, CancellationToken stopping)
    {
        var isIn = true;
        using var timer = new PeriodicTimer(Heartbeat, _time);
        while (isIn && !_cluster.IsTerminated && await timer.WaitForNextTickAsync(stopping))
            isIn = await RenewAsync(epoch, stopping);
        return isIn;
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

            if (await _registry.RenewAsync(Self, Uid, epoch, stopping) is not { } silent)
                return false;

            PutOut(_silence.See(silent));
            return true;
        }
        catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
        {
            // Without the database nobody can say that the node is out. If the others reach it, they take this node out.
            _log.LogDebug("No sign of life could be given: {Reason}", failure.Message);
            _silence.Miss();
            return true;
        }
    }

    /// <summary>
    /// Whoever cannot reach the database that the others reach keeps tokens that nobody can lend or take back, and the
    /// pool if it has it.
    /// </summary>
    private void PutOut(IReadOnlyList<SilentNode> silent)
    {
        if (silent.Count == 0)
            return;

        foreach (var member in _cluster.State.Members.Where(member =>
            member.Status is not (MemberStatus.Exiting or MemberStatus.Down or MemberStatus.Removed)
            && silent.Contains(new SilentNode(member.Address.ToString(), member.UniqueAddress.Uid))))
        {
            _log.LogWarning("{Node} has given no sign of life in the database for too long, and is taken out", member.Address);
            _cluster.Down(member.Address);
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
