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
    private const int OverduePerSweep = 1000;
    private static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(250);

    private readonly PoolSettings _settings;
    private readonly ILedger _ledger;
    private readonly TimeProvider _time;
    private readonly IActorRef _tokens;
    private readonly PoolDecider _pool;
    private readonly Queue<(object Message, IActorRef Sender, TimeSpan At)> _early = [];
    private readonly DatabaseTime _databaseTime = new();
    private readonly ILoggingAdapter _log = Context.GetLogger();
    private int _size;
    private DateTimeOffset _sizeReadAt;
    private bool _loading;
    private bool _loadAgain;
    private DateTimeOffset _rebuiltAt;

    public TokenPoolActor(PoolSettings settings, ILedger ledger, TimeProvider time, IActorRef tokens)
    {
        _settings = settings;
        _ledger = ledger;
        _time = time;
        _tokens = tokens;
        _pool = new PoolDecider(settings);
    }

    private enum Timer
    {
        Tick,
        Sweep,
        Load,
        CheckLedger,
    }

    private sealed record Loaded(PoolImage Image) : INoSerializationVerificationNeeded;

    private sealed record Swept(SweepImage Image) : INoSerializationVerificationNeeded;

    private sealed record LookedUp(Guid UsageId, bool Answered, UsageRow? Row, TimeSpan AskedAt) : INoSerializationVerificationNeeded;

    private sealed record Checked(DateTimeOffset? ReadAt) : INoSerializationVerificationNeeded;

    private sealed record Failed(Timer Step, Exception Cause) : INoSerializationVerificationNeeded;

    public ITimerScheduler Timers { get; set; } = null!;

    private TimeSpan Now => _time.GetElapsedTime(0);

    private static string Node => ((ExtendedActorSystem)Context.System).Provider.DefaultAddress.ToString();

    public static Props Props(PoolSettings settings, ILedger ledger, TimeProvider time, IActorRef tokens) =>
        Akka.Actor.Props.Create(() => new TokenPoolActor(settings, ledger, time, tokens));

    protected override void PreStart()
    {
        Load();
    }

    protected override void OnReceive(object message) => Starting(message);

    // Until the ledger has been read, requests wait; nobody is refused because of what is not known yet.
    private void Starting(object message)
    {
        switch (message)
        {
            case Loaded(var image):
                _loading = false;
                TakeOver(image);
                _rebuiltAt = image.ReadAt;
                Timers.StartPeriodicTimer(Timer.Tick, Timer.Tick, TickInterval);
                Timers.StartPeriodicTimer(Timer.Sweep, Timer.Sweep, _settings.SweepInterval);
                Become(Ready);
                var status = _pool.StatusAt(Now);
                _log.Info(
                    "The pool is here and ready: {0} tokens, {1} of them active", status.Total, status.Active);
                foreach (var (early, sender, at) in _early)
                    HandleEarly(early, sender, at);
                _early.Clear();
                CarryOut();
                break;

            case Failed { Step: Timer.Load } failed:
                LoadFailed(failed);
                break;

            case Timer.Load:
                Load();
                break;

            case PoolQuery:
                break;

            case PoolRequest when _early.Count >= _settings.MaxWaiting:
                Sender.Tell(new PoolAnswer.Unavailable(OutcomeUnknown: false));
                break;

            case PoolRequest or TokenAnswer:
                _early.Enqueue((message, Sender, Now));
                break;

            default:
                Unhandled(message);
                break;
        }
    }

    private void HandleEarly(object message, IActorRef sender, TimeSpan at)
    {
        if (message is TokenAnswer answer)
            _pool.TokenAnswered(answer, Now);
        else if (Now - at < PoolDecider.CallerPatience)
            Handle((PoolRequest)message, sender);
        else
            sender.Tell(new PoolAnswer.Unavailable(OutcomeUnknown: false));
    }

    private void Ready(object message)
    {
        switch (message)
        {
            case PoolRequest request:
                Handle(request, Sender);
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
                _ledger.SweepAsync(OverduePerSweep, CancellationToken.None).PipeTo(
                    Self, success: image => new Swept(image), failure: cause => new Failed(Timer.Sweep, cause));
                break;

            case Swept(var image):
                _databaseTime.Heard(image.ReadAt, Now);
                // Of a larger pool the tokens are not known yet: it is loaded again.
                if (image.Size <= _size)
                    TakeSize(image.Size, image.ReadAt);
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

            case LookedUp(var usageId, var answered, var row, var askedAt):
                _pool.UsageLookedUp(usageId, answered, row, askedAt, Now);
                break;

            case Timer.CheckLedger:
                CheckLedger();
                break;

            case Checked { ReadAt: { } readAt }:
                _databaseTime.Heard(readAt, Now);
                _pool.LedgerChecked(answers: true, Now);
                break;

            case Checked:
                _pool.LedgerChecked(answers: false, Now);
                Timers.StartSingleTimer(Timer.CheckLedger, Timer.CheckLedger, RetryInterval);
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

    private void Handle(PoolRequest request, IActorRef sender)
    {
        switch (request)
        {
            case PoolRequest.ActivateToken activate:
                _pool.Activate(activate, sender, Now);
                break;
            case PoolRequest.ReleaseToken release:
                _pool.ReleaseToken(release, sender, Now);
                break;
            case PoolRequest.ClearTokens:
                _pool.ClearTokens(sender, Now);
                break;
            default:
                Unhandled(request);
                break;
        }
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
                    Unhandled(effect);
                    break;
            }
        }
    }

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
