using System.Threading.Channels;
using Akka.Actor;
using Akka.Cluster;

namespace TokenManager.Actors.Management;

/// <summary>Passes what one node hears of its cluster to one reader, in order, until either is gone.</summary>
internal sealed class ClusterWatchActor : UntypedActor
{
    private readonly ChannelWriter<ClusterChange> _changes;
    private readonly Cluster _cluster = Cluster.Get(Context.System);

    public ClusterWatchActor(ChannelWriter<ClusterChange> changes) => _changes = changes;

    public static Props Props(ChannelWriter<ClusterChange> changes) =>
        Akka.Actor.Props.Create(() => new ClusterWatchActor(changes));

    protected override void PreStart() => _cluster.Subscribe(
        Self,
        ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents,
        typeof(ClusterEvent.IMemberEvent),
        typeof(ClusterEvent.IReachabilityEvent),
        typeof(ClusterEvent.LeaderChanged),
        typeof(ClusterEvent.ClusterShuttingDown));

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case ClusterEvent.MemberStatusChange { Member: var member }:
                Pass(new ClusterChange(message.GetType().Name, ClusterManagement.ViewOf(member), Leader: null));
                break;

            case ClusterEvent.ReachabilityEvent { Member: var member }:
                Pass(new ClusterChange(message.GetType().Name, ClusterManagement.ViewOf(member), Leader: null));
                break;

            case ClusterEvent.LeaderChanged { Leader: var leader }:
                Pass(new ClusterChange(nameof(ClusterEvent.LeaderChanged), Member: null, leader?.ToString()));
                break;

            case ClusterEvent.ClusterShuttingDown:
                Pass(new ClusterChange(nameof(ClusterEvent.ClusterShuttingDown), Member: null, Leader: null));
                Context.Stop(Self);
                break;

            default:
                Unhandled(message);
                break;
        }
    }

    protected override void PostStop()
    {
        _cluster.Unsubscribe(Self);
        _changes.TryComplete();
    }

    private void Pass(ClusterChange change)
    {
        if (!_changes.TryWrite(change))
            Context.Stop(Self);
    }
}
