using Akka.Actor;
using Akka.Persistence;

namespace TokenManager.Actors.Hosting;

/// <summary>
/// Recovers once, from nothing, and ends: the first recoveries of a process open connections and compile the journal's
/// queries for about a second, and that should not be some caller's. It never writes.
/// </summary>
internal sealed class WarmUpActor : UntypedPersistentActor
{
    private readonly TaskCompletionSource _done;

    public WarmUpActor(TaskCompletionSource done) => _done = done;

    public override string PersistenceId => "warm-up";

    public static Props Props(TaskCompletionSource done) => Akka.Actor.Props.Create(() => new WarmUpActor(done));

    protected override void OnRecover(object message)
    {
        if (message is RecoveryCompleted)
            Context.Stop(Self);
    }

    protected override void OnCommand(object message) => Unhandled(message);

    // A busy machine is no error: the first token's recovery is then the one that is slow.
    protected override void OnRecoveryFailure(Exception reason, object? message = null)
    {
    }

    // However it ended: a journal that cannot be read yet is the tokens' to deal with.
    protected override void PostStop() => _done.TrySetResult();
}
