using Akka.Actor;
using Akka.Event;
using TokenManager.Actors.Pool;

namespace TokenManager.Actors;

/// <summary>
/// Answers the requests that could not be delivered: on their way to a pool that had just gone from here, or to a node that
/// had. Only who knows that a request was never begun can take the answer to the next one for the last word.
/// </summary>
internal sealed class StrayRequestsActor : UntypedActor
{
    protected override void PreStart() => Context.System.EventStream.Subscribe(Self, typeof(DeadLetter));

    protected override void PostStop() => Context.System.EventStream.Unsubscribe(Self);

    protected override void OnReceive(object message)
    {
        if (message is DeadLetter { Message: PoolRequest, Sender: var sender })
            sender.Tell(new PoolAnswer.Moved());
    }
}
