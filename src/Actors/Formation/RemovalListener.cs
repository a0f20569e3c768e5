using Akka.Actor;
using Akka.Cluster;

namespace TokenManager.Actors.Formation;

/// <summary>Tells which nodes left the cluster or were downed by it.</summary>
internal sealed class RemovalListener : UntypedActor
{
    private readonly Cluster _cluster = Cluster.Get(Context.System);
    private readonly Action<UniqueAddress> _removed;

    public RemovalListener(Action<UniqueAddress> removed) => _removed = removed;

    public static Props Props(Action<UniqueAddress> removed) =>
        Akka.Actor.Props.Create(() => new RemovalListener(removed));

    protected override void PreStart() => _cluster.Subscribe(
        Self,
        ClusterEvent.SubscriptionInitialStateMode.InitialStateAsEvents,
        typeof(ClusterEvent.MemberRemoved));

    protected override void PostStop() => _cluster.Unsubscribe(Self);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            // A node that shuts down tells its own subscribers that everybody was removed, in whatever status they are:
            // that is no news of them.
            case ClusterEvent.MemberRemoved { PreviousStatus: MemberStatus.Down or MemberStatus.Exiting } removed
                when !removed.Member.UniqueAddress.Equals(_cluster.SelfUniqueAddress):
                _removed(removed.Member.UniqueAddress);
                break;

            case ClusterEvent.MemberRemoved:
                break;

            default:
                Unhandled(message);
                break;
        }
    }
}
