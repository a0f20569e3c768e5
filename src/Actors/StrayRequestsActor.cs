using Akka.Actor;
using Akka.Event;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors;

/// <summary>
/// Takes care of what could not be delivered, so that nobody waits for an answer that cannot come. Requests that were on their
/// way to a pool that had just gone from here, or to a node that had, are answered: only who knows that a request was never
/// begun can take the answer to the next one for the last word. Commands that were waiting for a token's incarnation that
/// ended are sent to the next one.
/// </summary>
/// <param name="tokens">The region of the tokens.</param>
internal sealed class StrayRequestsActor(IActorRef tokens) : UntypedActor
{
    // The shard has heard by then that its token has ended.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    public static Props Props(IActorRef tokens) => Akka.Actor.Props.Create(() => new StrayRequestsActor(tokens));

    protected override void PreStart() => Context.System.EventStream.Subscribe(Self, typeof(DeadLetter));

    protected override void PostStop() => Context.System.EventStream.Unsubscribe(Self);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case DeadLetter { Message: PoolRequest, Sender: var sender }:
                sender.Tell(new PoolAnswer.Moved());
                break;

            // A region that ends loses what it is sent, and tokens that cannot recover end over and over: whoever asks will ask
            // again.
            case DeadLetter { Message: TokenCommand { Redeliveries: < TokenCommand.MostRedeliveries } command } dead
                when IsToken(dead.Recipient):
                var again = command with { Redeliveries = command.Redeliveries + 1 };
                Context.System.Scheduler.ScheduleTellOnce(Pause, tokens, again, dead.Sender);
                break;
        }
    }

    private bool IsToken(IActorRef recipient) => recipient.Path.Parent.Parent.Equals(tokens.Path);
}
