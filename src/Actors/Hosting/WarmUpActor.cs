using Akka.Actor;
using Akka.Persistence;

namespace TokenManager.Actors.Hosting;

/// <summary>
/// Recovers once, and ends: the first recoveries of a process open connections and compile for about a second what reads the
/// journal, and that should not be some caller's. It never writes, whosever events it reads.
/// </summary>
internal sealed class WarmUpActor : UntypedPersistentActor
{
    /// <summary>A persistence id that nobody journals anything for.</summary>
    public const string WithoutEvents = "warm-up";

    private readonly TaskCompletionSource<bool> _done;

    public WarmUpActor(string persistenceId, TaskCompletionSource<bool> done)
    {
        PersistenceId = persistenceId;
        _done = done;
    }

    public override string PersistenceId { get; }

    public static Props Props(string persistenceId, TaskCompletionSource<bool> done) =>
        Akka.Actor.Props.Create(() => new WarmUpActor(persistenceId, done));

    protected override void OnRecover(object message)
    {
        if (message is not RecoveryCompleted)
            return;

        _done.TrySetResult(true);
        Context.Stop(Self);
    }

    protected override void OnCommand(object message) => Unhandled(message);

    // A busy machine is no error.
    protected override void OnRecoveryFailure(Exception reason, object? message = null)
    {
    }

    protected override void PostStop() => _done.TrySetResult(false);
}
