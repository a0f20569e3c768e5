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
/// <param name="time">The node's clock.</param>
internal sealed class StrayRequestsActor(IActorRef tokens, TimeProvider time) : UntypedActor
{
    // A shard has heard by the first that its token has ended. A token that cannot recover is not to try without pause.
    private static readonly TimeSpan[] Pauses =
        [TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1)];

    private static readonly TimeSpan QuietAfterWarning = TimeSpan.FromSeconds(10);

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private long? _warnedAt;

    /// <summary>How often a command is sent to a token's next incarnation because one ended before it came to it.</summary>
    public static int MostRedeliveries => Pauses.Length;

    public static Props Props(IActorRef tokens, TimeProvider time) =>
        Akka.Actor.Props.Create(() => new StrayRequestsActor(tokens, time));

    protected override void PreStart() => Context.System.EventStream.Subscribe(Self, typeof(DeadLetter));

    protected override void PostStop() => Context.System.EventStream.Unsubscribe(Self);

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case DeadLetter { Message: PoolRequest, Sender: var sender }:
                sender.Tell(new PoolAnswer.Moved());
                break;

            // What its region could not deliver is not sent to it again.
            case DeadLetter { Message: TokenCommand command } dead when IsToken(dead.Recipient):
                if (command.Redeliveries < MostRedeliveries)
                    SendAgain(command, dead.Sender);
                else
                    Warn(command);
                break;
        }
    }

    private void SendAgain(TokenCommand command, IActorRef sender) => Context.System.Scheduler.ScheduleTellOnce(
        Pauses[command.Redeliveries], tokens, command with { Redeliveries = command.Redeliveries + 1 }, sender);

    // Whoever asked asks again, so this may come often.
    private void Warn(TokenCommand command)
    {
        if (_warnedAt is { } warnedAt && time.GetElapsedTime(warnedAt) < QuietAfterWarning)
            return;

        _warnedAt = time.GetTimestamp();
        _log.Warning(
            "Token {0} ended {1} times before it could do what it was told. If that goes on, its journal cannot be read: is the database well?",
            command.TokenId,
            MostRedeliveries + 1);
    }

    private bool IsToken(IActorRef recipient) => recipient.Path is { Depth: > 2 } path && path.Parent.Parent.Equals(tokens.Path);
}
