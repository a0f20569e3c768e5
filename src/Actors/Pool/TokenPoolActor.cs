using System.Diagnostics;
using Akka.Actor;
using Akka.Event;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Pool;

/// <summary>
/// The cluster singleton that knows who is free. It only carries out what <see cref="PoolDecider"/> decides; there may
/// be two of it for a while, and nothing breaks, because tokens and ledger decide.
/// </summary>
internal sealed class TokenPoolActor : UntypedActor, IWithTimers
{
    private const int MostPerSweep = 1000;
    private static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(250);

    // To answer those who wait takes milliseconds, unless the database or a token is slow; the successor begins after it.
    private static readonly TimeSpan LongestHandOver = TimeSpan.FromSeconds(1);

    // A process that was stopped, or starved: the others may have gone on without it.
    private static readonly TimeSpan LongestAbsence = TimeSpan.FromSeconds(2);

    private readonly PoolSettings _settings;
    private readonly ILedger _ledger;
    private readonly TimeProvider _time;
    private readonly IActorRef _tokens;
    private readonly PoolDeparture _departure;
    private readonly PoolDecider _pool;
    private readonly List<Early> _early = [];
    private readonly List<IActorRef> _waitForHandOver = [];
    private readonly Dictionary<(Guid UserId, Guid UsageId), Early> _earlyAsks = [];
    private readonly DatabaseTime _databaseTime = new();
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private int _size;
    private DateTimeOffset _sizeReadAt;
    private bool _isReady;
    private bool _isHandingOver;
    private bool _hasWaitedLongEnough;
    private bool _isToEnd;
    private bool _loading;
    private bool _loadAgain;
    private DateTimeOffset? _rebuiltAt;
    private TimeSpan _tickedAt;
    private int _sweepFrom;

    public TokenPoolActor(
        PoolSettings settings, ILedger ledger, TimeProvider time, IActorRef tokens, PoolDeparture departure)
    {
        _settings = settings;
        _ledger = ledger;
        _time = time;
        _tokens = tokens;
        _departure = departure;
        _pool = new PoolDecider(settings);
    }

    private enum Timer
    {
        Tick,
        Sweep,
        Load,
        CheckLedger,
        EndHandOver,
    }

    private sealed record Loaded(PoolImage Image) : INoSerializationVerificationNeeded;

    private sealed record Swept(SweepImage Image) : INoSerializationVerificationNeeded;

    private sealed record LookedUp(Guid UsageId, bool Answered, UsageRow? Row, TimeSpan AskedAt) : INoSerializationVerificationNeeded;

    private sealed record Checked(DateTimeOffset? ReadAt) : INoSerializationVerificationNeeded;

    private sealed record Failed(Timer Step, Exception Cause) : INoSerializationVerificationNeeded;

    /// <summary>What came before the ledger was read.</summary>
    private sealed class Early
    {
        public required object Message { get; set; }

        public required IActorRef Sender { get; set; }

        public required TimeSpan At { get; set; }
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private TimeSpan Now => _time.GetElapsedTime(0);

    private static string Node => ((ExtendedActorSystem)Context.System).Provider.DefaultAddress.ToString();

    public static Props Props(
        PoolSettings settings, ILedger ledger, TimeProvider time, IActorRef tokens, PoolDeparture departure) =>
        Akka.Actor.Props.Create(() => new TokenPoolActor(settings, ledger, time, tokens, departure));

    protected override void PreStart()
    {
        _tickedAt = Now;
        // The shards of this node go, or are gone already.
        if (_departure.HasBegun)
            Self.Tell(MakeWay.Instance, ActorRefs.Nobody);
        Timers.StartPeriodicTimer(Timer.Tick, Timer.Tick, TickInterval);
        SweepLater();
        Load();
    }

    protected override void OnReceive(object message)
    {
        if (Now - _tickedAt > LongestAbsence)
            StartAgain();
        if (message is Timer.Tick)
            _tickedAt = Now;
        if (message is Swept or Failed { Step: Timer.Sweep } || (message is Timer.Sweep && !_isReady))
            SweepLater();

        if (message is HandOver or MakeWay)
            BeginHandOver(message);
        else if (_isHandingOver && message is PoolRequest or PoolQuery or Timer.EndHandOver)
            HandingOver(message);
        else if (_isReady)
            Ready(message);
        else
            Starting(message);

        if (_isHandingOver && (_hasWaitedLongEnough || !_pool.IsAwaited))
            EndHandOver();
    }

    // The singleton's manager starts again what fails, and waits for the end of what it has told to hand over.
    protected override void PreRestart(Exception reason, object message)
    {
        if (_isToEnd)
            Self.Tell(HandOver.Instance);
        base.PreRestart(reason, message);
    }

    protected override void PostStop() => SayThatItHasMadeWay();

    /// <summary>
    /// Nothing that comes now is begun here, and what came before is brought to its end: the successor would only learn from the
    /// ledger what came of it, and whoever asked would have to wait for an answer that never comes.
    /// </summary>
    private void BeginHandOver(object message)
    {
        if (message is HandOver)
            _isToEnd = true;
        else
            _waitForHandOver.Add(Sender);
        if (_isHandingOver)
            return;

        _isHandingOver = true;
        Timers.StartSingleTimer(Timer.EndHandOver, Timer.EndHandOver, LongestHandOver);
        foreach (var early in _early.Where(early => early.Message is PoolRequest))
            early.Sender.Tell(new PoolAnswer.Moved());
        _early.RemoveAll(early => early.Message is PoolRequest);
        _earlyAsks.Clear();
    }

    private void HandingOver(object message)
    {
        switch (message)
        {
            case PoolRequest:
                Sender.Tell(new PoolAnswer.Moved());
                break;

            // Until it is told to end there is no other one, and what it knows is still right.
            case PoolQuery when _isReady && !_isToEnd:
                Ready(message);
                break;

            // The successor answers what is asked of the pool.
            case PoolQuery:
                break;

            case Timer.EndHandOver:
                _log.Warning("The pool makes way though not everybody has an answer: what became of their requests, the ledger says.");
                _hasWaitedLongEnough = true;
                break;

            default:
                throw new UnreachableException($"{message}");
        }
    }

    private void EndHandOver()
    {
        // Between making way and the end may lie more than a second in which nobody waits for anything.
        Timers.Cancel(Timer.EndHandOver);
        SayThatItHasMadeWay();
        if (_isToEnd)
            Context.Stop(Self);
    }

    private void SayThatItHasMadeWay()
    {
        _waitForHandOver.ForEach(waiting => waiting.Tell(MadeWay.Instance));
        _waitForHandOver.Clear();
    }

    /// <summary>What is remembered is as old as the absence, and so is what the ledger was asked before it.</summary>
    private void StartAgain()
    {
        _log.Warning("The pool was away for {0}, and reads the ledger again.", Now - _tickedAt);
        _tickedAt = Now;
        _isReady = false;
        Load();
    }

    // Until the ledger has been read, requests wait; nobody is refused because of what is not known yet.
    private void Starting(object message)
    {
        switch (message)
        {
            case Loaded when _loadAgain:
                _loading = false;
                Load();
                break;

            case Loaded(var image):
                _loading = false;
                TakeOver(image);
                _rebuiltAt ??= image.ReadAt;
                _isReady = true;
                var status = _pool.StatusAt(Now);
                _log.Info(
                    "The pool is here and ready: {0} tokens, {1} of them active", status.Total, status.Active);
                _early.ForEach(Handle);
                _early.Clear();
                _earlyAsks.Clear();
                CarryOut();
                break;

            case Failed { Step: Timer.Load } failed:
                LoadFailed(failed);
                break;

            case Timer.Load:
                Load();
                break;

            case Timer.CheckLedger:
                CheckLedger();
                break;

            // Its clock may be as old as the absence; the next one comes soon.
            case PoolQuery or Timer.Tick or Timer.Sweep or Swept or Failed:
                break;

            // Of the asks of one request that have waited for this pool, the last one is enough.
            case PoolRequest.ActivateToken ask when _earlyAsks.TryGetValue((ask.UserId, ask.UsageId), out var before):
                before.Sender.Tell(new PoolAnswer.Moved());
                (before.Message, before.Sender, before.At) = (ask, Sender, Now);
                break;

            case PoolRequest when _early.Count >= _settings.MaxWaiting:
                Sender.Tell(new PoolAnswer.Unavailable(OutcomeUnknown: false));
                break;

            case PoolRequest or TokenAnswer or LookedUp or Checked:
                _early.Add(new Early { Message = message, Sender = Sender, At = Now });
                if (message is PoolRequest.ActivateToken first)
                    _earlyAsks.Add((first.UserId, first.UsageId), _early[^1]);
                break;

            default:
                Unhandled(message);
                break;
        }
    }

    private void Handle(Early early)
    {
        switch (early.Message)
        {
            case PoolRequest request:
                Handle(request, early.Sender, early.At);
                break;
            case TokenAnswer answer:
                _pool.TokenAnswered(answer, Now);
                break;
            case LookedUp lookedUp:
                Handle(lookedUp);
                break;
            case Checked { ReadAt: var readAt }:
                LedgerChecked(answers: readAt is not null);
                break;
            default:
                throw new UnreachableException($"{early.Message}");
        }
    }

    private void Ready(object message)
    {
        switch (message)
        {
            case PoolRequest request:
                Handle(request, Sender, Now);
                break;

            case TokenAnswer answer:
                _pool.TokenAnswered(answer, Now);
                break;

            case Timer.Tick:
                _pool.Tick(Now);
                break;

            case PoolQuery.GetDigest(var round):
                Sender.Tell(_pool.Digest(round) with
                {
                    AsOf = _databaseTime.At(Now),
                    Size = _size,
                    SizeReadAt = _sizeReadAt,
                });
                break;

            case PoolQuery.GetBucket(var round, var bucket):
                Sender.Tell(_pool.Bucket(bucket) with { Round = round });
                break;

            case PoolQuery.GetStatus:
                Sender.Tell(_pool.StatusAt(Now) with { RebuiltAt = _rebuiltAt, Node = Node });
                break;

            case Timer.Sweep:
                _ledger.SweepAsync(MostPerSweep, _sweepFrom, CancellationToken.None).PipeTo(
                    Self, success: image => new Swept(image), failure: cause => new Failed(Timer.Sweep, cause));
                break;

            case Swept(var image):
                _databaseTime.Heard(image.ReadAt, Now);
                // Of a larger pool the tokens are not known yet: it is loaded again.
                if (image.Size <= _size)
                    TakeSize(image.Size, image.ReadAt);
                _sweepFrom = image.NextOrdinal;
                _pool.Sweep(image, Now);
                break;

            case Timer.Load:
                Load();
                break;

            case Loaded when _loadAgain:
                _loading = false;
                Load();
                break;

            case Loaded(var image):
                _loading = false;
                TakeOver(image);
                break;

            case LookedUp lookedUp:
                Handle(lookedUp);
                break;

            case Timer.CheckLedger:
                CheckLedger();
                break;

            case Checked { ReadAt: { } readAt }:
                _databaseTime.Heard(readAt, Now);
                LedgerChecked(answers: true);
                break;

            case Checked:
                LedgerChecked(answers: false);
                break;

            case Failed { Step: Timer.Load } failed:
                LoadFailed(failed);
                break;

            case Failed failed:
                _log.Warning("The pool could not look into the ledger, and tries again: {0}", failed.Cause.Message);
                break;

            default:
                Unhandled(message);
                break;
        }

        CarryOut();
    }

    private void Handle(PoolRequest request, IActorRef sender, TimeSpan cameAt)
    {
        var caller = new Caller(sender, cameAt + PoolDecider.CallerPatience);
        if (request.NotAfter is { } notAfter && _databaseTime.When(notAfter) is var limit && limit < caller.GivesUpAt)
            caller = caller with { GivesUpAt = limit };
        if (caller.GivesUpAt <= Now)
        {
            sender.Tell(new PoolAnswer.Unavailable(OutcomeUnknown: false));
            return;
        }

        switch (request)
        {
            case PoolRequest.ActivateToken activate:
                _pool.Activate(activate, caller, Now);
                break;
            case PoolRequest.ReleaseToken release:
                _pool.ReleaseToken(release, caller, Now);
                break;
            case PoolRequest.ClearTokens:
                _pool.ClearTokens(caller);
                break;
            default:
                throw new UnreachableException($"{request}");
        }
    }

    private void Handle(LookedUp answer) =>
        _pool.UsageLookedUp(answer.UsageId, answer.Answered, answer.Row, answer.AskedAt, Now);

    private void LedgerChecked(bool answers)
    {
        _pool.LedgerChecked(answers, Now);
        if (!answers)
            Timers.StartSingleTimer(Timer.CheckLedger, Timer.CheckLedger, RetryInterval);
    }

    private void CarryOut()
    {
        foreach (var effect in _pool.TakeEffects())
        {
            switch (effect)
            {
                case PoolEffect.TellToken { Command: TokenCommand.Activate ask, NotAfter: { } notAfter }:
                    _tokens.Tell(ask with { NotAfter = _databaseTime.At(notAfter) });
                    break;

                case PoolEffect.TellToken(var command):
                    _tokens.Tell(command);
                    break;

                case PoolEffect.Reply(IActorRef to, var answer):
                    to.Tell(answer);
                    break;

                case PoolEffect.LookUpUsage(var usageId):
                    var askedAt = Now;
                    _ledger.FindUsageAsync(usageId).PipeTo(
                        Self,
                        success: row => new LookedUp(usageId, Answered: true, row, askedAt),
                        failure: _ => new LookedUp(usageId, Answered: false, Row: null, askedAt));
                    break;

                case PoolEffect.CheckLedger:
                    CheckLedger();
                    break;

                case PoolEffect.Reload:
                    Load();
                    break;

                default:
                    throw new UnreachableException($"{effect}");
            }
        }
    }

    // One after the other: of two that ran at once, the one that began first could be the last to be heard.
    private void SweepLater() => Timers.StartSingleTimer(Timer.Sweep, Timer.Sweep, _settings.SweepInterval);

    private void CheckLedger() => _ledger.PingAsync(CancellationToken.None).PipeTo(
        Self, success: readAt => new Checked(readAt), failure: _ => new Checked(ReadAt: null));

    private void Load()
    {
        // What is read now may have been asked for before the last change: the next image is the one that counts.
        _loadAgain = _loading;
        if (_loading)
            return;

        _loading = true;
        _ledger.LoadPoolAsync(CancellationToken.None).PipeTo(
            Self, success: image => new Loaded(image), failure: cause => new Failed(Timer.Load, cause));
    }

    private void TakeOver(PoolImage image)
    {
        _databaseTime.Heard(image.ReadAt, Now);
        TakeSize(image.Size, image.ReadAt);
        _pool.Load(image, Now);
    }

    private void TakeSize(int size, DateTimeOffset readAt)
    {
        if (readAt >= _sizeReadAt)
            (_size, _sizeReadAt) = (size, readAt);
    }

    private void LoadFailed(Failed failed)
    {
        _loading = false;
        _log.Warning("The pool could not be read from the ledger, and is tried again: {0}", failed.Cause.Message);
        Timers.StartSingleTimer(Timer.Load, Timer.Load, RetryInterval);
    }
}

/// <summary>To the pool, from its node, which is about to go: it is to bring to its end what it has begun.</summary>
internal sealed record MakeWay : INoSerializationVerificationNeeded
{
    public static readonly MakeWay Instance = new();
}

/// <summary>From the pool: nobody waits for it any more, or it has been waited for long enough.</summary>
internal sealed record MadeWay : INoSerializationVerificationNeeded
{
    public static readonly MadeWay Instance = new();
}

/// <summary>To the pool, from its node: the same, and then to end, because the pool on another one begins after it.</summary>
internal sealed record HandOver : INoSerializationVerificationNeeded
{
    public static readonly HandOver Instance = new();
}
