using System.Diagnostics;
using Akka.Actor;
using Akka.Cluster.Sharding;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Event;
using Akka.Persistence;
using TokenManager.Actors.Ledger;

namespace TokenManager.Actors.Tokens;

/// <summary>
/// One token's life. Invariant: what the ledger decided is durable before it is answered, and is journaled before anything else is
/// begun. Whatever goes wrong in between, a fresh incarnation recovers, reads the row and adopts it.
/// </summary>
internal sealed class TokenActor : UntypedPersistentActor, IWithTimers
{
    /// <summary>Before the token's id, in its persistence id.</summary>
    public const string PersistenceIdPrefix = "token-";

    private const int EventsPerSnapshot = 100;
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(10);

    private readonly Guid _tokenId;
    private readonly ILedger _ledger;
    private readonly IActorRef _pool;
    private readonly IActorRef _mediator;
    private readonly TimeProvider _time;
    private readonly TimeSpan _idleAfter;
    private readonly ILoggingAdapter _log = Context.GetLogger();

    private TokenState _state = new TokenState.Available(Last: null);

    // What is under way: the command and who asked; null while idle, adopting, or expiring by the own timer.
    private Pending? _pending;
    private TimeSpan _deadline;
    private TimeSpan _retry = FirstRetry;

    // When a release that the ledger could not take is tried again.
    private TimeSpan _retryAt;

    public TokenActor(
        Guid tokenId, ILedger ledger, IActorRef pool, IActorRef mediator, TimeProvider time, TimeSpan idleAfter)
    {
        _tokenId = tokenId;
        _ledger = ledger;
        _pool = pool;
        _mediator = mediator;
        _time = time;
        _idleAfter = idleAfter;
        PersistenceId = PersistenceIdOf(tokenId);
    }

    private sealed record Pending(TokenCommand Command, IActorRef ReplyTo);

    private sealed record RowsRead(IReadOnlyList<UsageRow> Rows) : INoSerializationVerificationNeeded;

    private sealed record OpenAnswered(OpenResult Result) : INoSerializationVerificationNeeded;

    private sealed record CloseAnswered(CloseResult Result) : INoSerializationVerificationNeeded;

    private sealed record UsageFound(UsageRow? Row) : INoSerializationVerificationNeeded;

    private sealed record LedgerFailed(Exception Cause) : INoSerializationVerificationNeeded
    {
        public bool OutcomeUnknown => Cause is not LedgerUnavailableException { OutcomeUnknown: false };
    }

    private sealed record LeaseOver
    {
        public static readonly LeaseOver Instance = new();
    }

    private sealed record ReadAgain
    {
        public static readonly ReadAgain Instance = new();
    }

    public override string PersistenceId { get; }

    public ITimerScheduler Timers { get; set; } = null!;

    private TimeSpan Now => _time.GetElapsedTime(0);

    private TimeSpan Remaining => _deadline - Now;

    public static string PersistenceIdOf(Guid tokenId) => PersistenceIdPrefix + tokenId;

    public static Props Props(
        Guid tokenId, ILedger ledger, IActorRef pool, IActorRef mediator, TimeProvider time, TimeSpan idleAfter) =>
        Akka.Actor.Props.Create(() => new TokenActor(tokenId, ledger, pool, mediator, time, idleAfter));

    protected override void OnRecover(object message)
    {
        switch (message)
        {
            case SnapshotOffer { Snapshot: TokenState snapshot }:
                _state = snapshot;
                break;
            case TokenEvent @event:
                _state = TokenDecider.Apply(_state, @event);
                break;
            case RecoveryCompleted:
                Become(Adopting);
                ReadRows();
                break;
            default:
                throw new UnreachableException($"The journal of {PersistenceId} holds {message}.");
        }
    }

    protected override void OnCommand(object message) => Idle(message);

    private void ReadRows() => _ledger.ReadTokenAsync(_tokenId, Math.Max(1, _state.Fence)).PipeTo(
        Self, success: rows => new RowsRead(rows), failure: cause => new LedgerFailed(cause));

    private void Adopting(object message)
    {
        switch (message)
        {
            case RowsRead(var rows):
                _retry = FirstRetry;
                if (rows is [.., { Usage.IsOpen: true, Remaining: var remaining }])
                    _deadline = Now + remaining;

                IReadOnlyList<TokenEvent> missing;
                try
                {
                    missing = TokenDecider.Adopt(_state, rows);
                }
                catch (LedgerContradictsJournalException contradiction)
                {
                    // Starting again would only find the same again.
                    _log.Error(contradiction, "{0} cannot be trusted and stays out of use", PersistenceId);
                    Become(OutOfUse);
                    return;
                }

                if (missing.Count == 0)
                {
                    Settle();
                    return;
                }

                _log.Debug("{0} adopts {1} events from its row", PersistenceId, missing.Count);
                var left = missing.Count;
                PersistAll(missing, @event =>
                {
                    _state = TokenDecider.Apply(_state, @event);
                    SaveSnapshotWhenDue();
                    if (--left > 0)
                        return;

                    Publish();
                    Settle();
                });
                break;

            case LedgerFailed:
                Timers.StartSingleTimer(ReadAgain.Instance, ReadAgain.Instance, _retry);
                _retry = NextRetry(_retry);
                break;

            case ReadAgain:
                ReadRows();
                break;

            // The pool hears how the token stands as soon as that is known.
            case TokenCommand.Wake:
                break;

            default:
                Postpone(message);
                break;
        }

        void Settle()
        {
            (_pending?.ReplyTo ?? _pool).Tell(Standing());
            BecomeIdle();
        }
    }

    private void OutOfUse(object message)
    {
        if (message is StopToken)
            Context.Stop(Self);
    }

    private void Idle(object message)
    {
        switch (message)
        {
            case TokenCommand command:
                _pending = new Pending(command, Sender);
                Take(TokenDecider.Decide(_state, command));
                break;

            case LeaseOver:
                Take(TokenDecider.DecideExpiry(_state));
                break;

            case ReceiveTimeout when _state is TokenState.Available:
                Context.Parent.Tell(new Passivate(StopToken.Instance));
                break;

            case StopToken:
                Context.Stop(Self);
                break;

            case SaveSnapshotSuccess saved:
                DeleteSnapshots(new SnapshotSelectionCriteria(saved.Metadata.SequenceNr - 1));
                break;

            case SaveSnapshotFailure failed:
                _log.Warning("{0} could not save a snapshot, and goes on without: {1}", PersistenceId, failed.Cause.Message);
                break;

            case ReceiveTimeout or DeleteSnapshotsSuccess or DeleteSnapshotsFailure:
                break;

            default:
                Unhandled(message);
                break;
        }
    }

    // One statement is under way; everything else waits its turn.
    private void AwaitingLedger(object message)
    {
        switch (message)
        {
            case OpenAnswered(var result):
                if (result is OpenResult.Found(var opened))
                    _deadline = Now + opened.Remaining;
                Take(TokenDecider.DecideOpened(_state, (TokenCommand.Activate)_pending!.Command, result));
                break;

            case CloseAnswered(var result):
                Take(TokenDecider.DecideClosed(_state, result));
                break;

            case UsageFound(var row):
                Take(TokenDecider.DecideFound(_state, _pending!.Command, row));
                break;

            case LedgerFailed failed:
                if (failed.Cause is not LedgerUnavailableException)
                    _log.Error(failed.Cause, "{0} could not carry out {1}", PersistenceId, _pending?.Command);
                AnswerFailed(failed.OutcomeUnknown);
                _retryAt = Now + _retry;
                _retry = NextRetry(_retry);
                BecomeIdle();
                break;

            default:
                Postpone(message);
                break;
        }
    }

    private void Take(TokenStep step)
    {
        switch (step)
        {
            case TokenStep.Open(var request):
                Become(AwaitingLedger);
                _ledger.OpenAsync(request).PipeTo(
                    Self, success: result => new OpenAnswered(result), failure: cause => new LedgerFailed(cause));
                break;

            case TokenStep.Close(var request):
                Become(AwaitingLedger);
                _ledger.CloseAsync(request).PipeTo(
                    Self, success: result => new CloseAnswered(result), failure: cause => new LedgerFailed(cause));
                break;

            case TokenStep.Find(var usageId):
                Become(AwaitingLedger);
                _ledger.FindUsageAsync(usageId).PipeTo(
                    Self, success: row => new UsageFound(row), failure: cause => new LedgerFailed(cause));
                break;

            case TokenStep.Journal(var @event):
                Decided(@event);
                break;

            case TokenStep.Wait(var remaining):
                // Not due, although it looked so here: in any case not at once again.
                _deadline = Now + Max(remaining, ShortestWait);
                if (_pending is { } woken)
                    woken.ReplyTo.Tell(Standing());
                BecomeIdle();
                break;

            case TokenStep.ReadRows:
                Become(Adopting);
                ReadRows();
                break;

            case TokenStep.Recover:
                _log.Debug("{0} is behind its row and recovers", PersistenceId);
                // What it was told was not carried out, and goes to the next incarnation with what waits behind it (ADR 42).
                if (_pending is { } left)
                    Self.Tell(left.Command, left.ReplyTo);
                _pending = null;
                Context.Stop(Self);
                break;

            case TokenStep.Nothing:
                BecomeIdle();
                break;

            default:
                Answer(step);
                BecomeIdle();
                break;
        }
    }

    private void SaveSnapshotWhenDue()
    {
        if (LastSequenceNr % EventsPerSnapshot == 0)
            SaveSnapshot(_state);
    }

    // Whoever asked need not wait for the journal. Nothing else is begun until that has the event too; if it never does, the next
    // incarnation adopts it from its row.
    private void Decided(TokenEvent @event)
    {
        _state = TokenDecider.Apply(_state, @event);
        _retry = FirstRetry;
        _retryAt = TimeSpan.Zero;
        Publish();
        switch (_pending?.Command)
        {
            case TokenCommand.Activate:
                Answer(new TokenStep.AnswerActivated());
                break;
            case TokenCommand.Release:
                Answer(new TokenStep.AnswerEnded(((TokenState.Available)_state).Last!));
                break;
            default:
                break;
        }

        // Who asked may be a pool that is no longer the pool.
        if (_state is TokenState.Available)
            _pool.Tell(Standing());
        _pending = null;
        Persist(@event, _ =>
        {
            SaveSnapshotWhenDue();
            BecomeIdle();
        });
    }

    private void Answer(TokenStep step)
    {
        var (command, replyTo) = _pending!;
        TokenAnswer answer = step switch
        {
            TokenStep.AnswerActivated => new TokenAnswer.Activated(_tokenId, Current()!),
            TokenStep.AnswerEnded(var usage) => new TokenAnswer.Ended(_tokenId, usage),
            TokenStep.AnswerInUse => new TokenAnswer.TokenInUse(_tokenId, UsageIdOf(command), Current()!) { Ask = AskOf(command) },
            TokenStep.AnswerUserHolds(var other) =>
                new TokenAnswer.UserHolds(_tokenId, UsageIdOf(command), other) { Ask = AskOf(command) },
            TokenStep.AnswerUsageIdTaken(var row) => new TokenAnswer.UsageIdTaken(
                _tokenId, UsageIdOf(command), Current() is { } current && current.Usage == row.Usage ? current : row),
            // An earlier try of the same statement may not be committed yet.
            TokenStep.AnswerTooLate => new TokenAnswer.Failed(_tokenId, UsageIdOf(command), OutcomeUnknown: true),
            TokenStep.AnswerNotMine => new TokenAnswer.NotMine(_tokenId, UsageIdOf(command)),
            TokenStep.AnswerStanding => Standing(),
            _ => throw new UnreachableException($"{step}"),
        };
        replyTo.Tell(answer);
    }

    private void AnswerFailed(bool outcomeUnknown)
    {
        if (_pending is not { Command: not TokenCommand.Wake } pending)
            return;

        pending.ReplyTo.Tell(new TokenAnswer.Failed(_tokenId, UsageIdOf(pending.Command), outcomeUnknown)
        {
            Ask = outcomeUnknown ? 0 : AskOf(pending.Command),
        });
    }

    private static long AskOf(TokenCommand command) => command is TokenCommand.Activate activate ? activate.Ask : 0;

    private static Guid UsageIdOf(TokenCommand command) => command switch
    {
        TokenCommand.Activate activate => activate.UsageId,
        TokenCommand.Release release => release.UsageId,
        _ => throw new UnreachableException($"{command}"),
    };

    private UsageRow? Current() => _state is TokenState.Active { Usage: var usage } ? new UsageRow(usage, Remaining) : null;

    private TokenAnswer.Standing Standing() => new(_tokenId, _state.Fence, Current());

    private void Publish() => _mediator.Tell(new Publish(
        TokenTopic.Name, new TokenChanged(_tokenId, _state.Fence, (_state as TokenState.Active)?.Usage)));

    private void BecomeIdle()
    {
        _pending = null;
        if (_state is TokenState.Active)
        {
            // What waits in the stash must not put off the end of a lease again and again.
            var delay = Max(Remaining, _retryAt - Now);
            if (delay <= TimeSpan.Zero)
            {
                Take(TokenDecider.DecideExpiry(_state));
                return;
            }

            Timers.StartSingleTimer(LeaseOver.Instance, LeaseOver.Instance, delay);
            Context.SetReceiveTimeout(null);
        }
        else
        {
            Timers.Cancel(LeaseOver.Instance);
            Context.SetReceiveTimeout(_idleAfter);
        }

        Become(Idle);
        Stash.UnstashAll();
    }

    private void Postpone(object message)
    {
        // Both are armed again on the way back to idle. What came before the order to stop is done before it.
        if (message is not (LeaseOver or ReceiveTimeout))
            Stash.Stash();
    }

    /// <summary>However it ends, it does not leave anybody without an answer.</summary>
    protected override void PostStop()
    {
        AnswerFailed(outcomeUnknown: true);
        base.PostStop();
    }

    // A failed or rejected write may have been made all the same, or may have failed for another token's sake: this
    // incarnation cannot tell, so it ends, and the next one reads what became of it.
    protected override void OnPersistFailure(Exception cause, object @event, long sequenceNr) =>
        _log.Warning("{0} could not journal {1} and recovers: {2}", PersistenceId, @event.GetType().Name, cause.Message);

    protected override void OnPersistRejected(Exception cause, object @event, long sequenceNr)
    {
        _log.Warning("{0} had {1} rejected and recovers: {2}", PersistenceId, @event.GetType().Name, cause.Message);
        Context.Stop(Self);
    }

    protected override void OnRecoveryFailure(Exception reason, object? message = null) =>
        _log.Info("{0} could not recover, and tries again when it is needed: {1}", PersistenceId, reason.Message);

    private static TimeSpan NextRetry(TimeSpan retry) => retry * 2 < LastRetry ? retry * 2 : LastRetry;

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}

/// <summary>Ends a token actor as soon as it has done what it was told before.</summary>
internal sealed record StopToken : INoSerializationVerificationNeeded
{
    public static readonly StopToken Instance = new();
}

/// <summary>The distributed pub-sub topic that carries every change.</summary>
internal static class TokenTopic
{
    public const string Name = "token-changes";
}
