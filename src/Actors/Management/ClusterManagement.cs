using System.Globalization;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Sharding;
using Microsoft.Extensions.Logging;

namespace TokenManager.Actors.Management;

/// <summary>Reads this node's view of the cluster and tells the cluster what an operator wants.</summary>
internal sealed class ClusterManagement(ActorSystem system, ILogger<ClusterManagement> log) : IClusterManagement
{
    // Above the time that a region gives its shards.
    private static readonly TimeSpan RegionTimeout = TimeSpan.FromSeconds(4);
    private const int MostBehind = 1000;

    private readonly Cluster _cluster = Cluster.Get(system);

    public ClusterView Read()
    {
        var state = _cluster.State;
        return new ClusterView(
            _cluster.SelfAddress.ToString(),
            [.. state.Members.Select(ViewOf)],
            [.. state.Unreachable.Select(member => member.Address.ToString()).Order(StringComparer.Ordinal)],
            state.Leader?.ToString(),
            state.Members.Where(member => member.Status is MemberStatus.Up)
                .Order(Member.AgeOrdering).FirstOrDefault()?.Address.ToString());
    }

    public MemberView? Find(string address) => FindMember(address) is { } member ? ViewOf(member) : null;

    public MemberResult Leave(string address) => Tell(address, _cluster.Leave, "leave");

    public MemberResult Down(string address) => Tell(address, _cluster.Down, "be taken for dead");

    public IReadOnlyList<string> ReadShardTypes() =>
        [.. ClusterSharding.Get(system).ShardTypeNames.Order(StringComparer.Ordinal)];

    public async Task<ShardsResult> ReadShardsAsync(string type, CancellationToken cancellationToken)
    {
        var sharding = ClusterSharding.Get(system);
        if (!sharding.ShardTypeNames.Contains(type))
            return new ShardsResult.NotFound();

        try
        {
            var answer = await sharding.ShardRegion(type)
                .Ask<ShardRegionStats>(GetShardRegionStats.Instance, RegionTimeout, cancellationToken);
            return new ShardsResult.Found(
                [.. answer.Stats.Select(shard => new ShardView(shard.Key, shard.Value)).OrderBy(shard => shard.ShardId, StringComparer.Ordinal)]);
        }
        catch (AskTimeoutException)
        {
            return new ShardsResult.Unavailable();
        }
    }

    public async IAsyncEnumerable<ClusterChange> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var changes = Channel.CreateBounded<ClusterChange>(MostBehind);
        if (Watch(changes.Writer) is not { } watcher)
            yield break;

        // An end, not an error: what was heard until then is still read.
        await using var end = cancellationToken.Register(() => changes.Writer.TryComplete());
        try
        {
            await foreach (var change in changes.Reader.ReadAllAsync(CancellationToken.None))
                yield return change;
        }
        finally
        {
            system.Stop(watcher);
        }
    }

    internal static MemberView ViewOf(Member member) => new(
        member.Address.ToString(),
        member.UniqueAddress.Uid.ToString(CultureInfo.InvariantCulture),
        member.Status.ToString(),
        [.. member.Roles.Order(StringComparer.Ordinal)],
        member.AppVersion.Version);

    // Null when the actor system is ending: then nothing more will happen.
    private IActorRef? Watch(ChannelWriter<ClusterChange> changes)
    {
        try
        {
            return system.ActorOf(ClusterWatchActor.Props(changes));
        }
        catch (InvalidOperationException) when (system.WhenTerminated.IsCompleted || _cluster.IsTerminated)
        {
            return null;
        }
    }

    private MemberResult Tell(string address, Action<Address> command, string words)
    {
        if (FindMember(address) is not { } member)
            return new MemberResult.NotFound();

        log.LogInformation("By an operator's command {Member} is to {Command}", member.Address, words);
        command(member.Address);
        return new MemberResult.Told(ViewOf(member));
    }

    private Member? FindMember(string address)
    {
        return _cluster.State.Members.FirstOrDefault(member => IsNamedBy(member.Address));

        bool IsNamedBy(Address of) =>
            address.Equals(of.ToString(), StringComparison.OrdinalIgnoreCase)
            || address.Equals($"{of.Host}:{of.Port}", StringComparison.OrdinalIgnoreCase);
    }
}
