using Akka.Actor;
using Akka.Cluster.Tools.PublishSubscribe;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Cache;

/// <summary>
/// Keeps one node's <see cref="TokenCache"/> true: takes changes from the topic, and proves itself against the pool's
/// digest every second, directly, because topic messages may be lost.
/// </summary>
internal sealed class TokenCacheActor : UntypedActor, IWithTimers
{
    // Kept few, so that a large pool does not fill the way to this node.
    private const int PullsUnderWay = 16;
    private const int WakesPerPull = 8;
    private static readonly TimeSpan DigestInterval = TimeSpan.FromSeconds(1);

    // Until what differs has been repaired, and until somebody answers.
    private static readonly TimeSpan ShortDigestInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan FirstDigestInterval = TimeSpan.FromMilliseconds(50);

    // A question may wait for the pool as long as that is away; what is answered then says nothing of the time in between.
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(6);

    private readonly TokenCache _cache;
    private readonly TimeProvider _time;
    private readonly IActorRef _pool;
    private readonly IActorRef _tokens;
    private readonly List<(IActorRef Who, long Round)> _catchingUp = [];
    private readonly Queue<int> _toPull = [];
    private readonly HashSet<int> _pulling = [];
    private IActorRef _digestFrom = ActorRefs.Nobody;
    private Proof _answered = new(0, default);
    private Proof _next = new(0, default);

    // When it was asked, so higher than any of an incarnation before: what was meant for that one is not taken for an
    // answer from the future.
    private long _round;
    private bool _bucketsCome;

    // Buckets not shown to be current by the last digest: once is normal while changes are on their way, twice is a loss.
    private HashSet<int> _differed = [];

    public TokenCacheActor(TokenCache cache, TimeProvider time, IActorRef pool, IActorRef tokens)
    {
        _cache = cache;
        _time = time;
        _pool = pool;
        _tokens = tokens;
    }

    /// <summary>Answered with <see cref="CaughtUp"/> when the cache shows at least what the pool knew when it was asked.</summary>
    public sealed record CatchUp : INoSerializationVerificationNeeded;

    /// <summary>See <see cref="CatchUp"/>.</summary>
    public sealed record CaughtUp : INoSerializationVerificationNeeded;

    /// <summary>That everything is shown which the pool knew at this digest.</summary>
    private readonly record struct Proof(long Round, DateTimeOffset AsOf);

    private enum Timer
    {
        Digest,
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(TokenCache cache, TimeProvider time, IActorRef pool, IActorRef tokens) =>
        Akka.Actor.Props.Create(() => new TokenCacheActor(cache, time, pool, tokens));

    protected override void PreStart()
    {
        DistributedPubSub.Get(Context.System).Mediator.Tell(new Subscribe(TokenTopic.Name, Self));
        AskForDigest();
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case TokenChanged changed:
                _cache.Apply(changed.TokenId, changed.Fence, changed.Current);
                break;

            case CatchUp:
                AskForDigest();
                _catchingUp.Add((Sender, _round));
                break;

            // Asking again would begin anew what is well under way.
            case Timer.Digest when _bucketsCome:
                _bucketsCome = false;
                AskAgainIn(ShortDigestInterval);
                break;

            case Timer.Digest:
                AskForDigest();
                break;

            // An answer that comes after that to a later question is from a pool that was away, and knows less.
            case PoolDigest digest when digest.Round > _answered.Round && _time.GetElapsedTime(digest.Round) <= LongestAnswer:
                Compare(digest);
                break;

            case PoolBucket bucket:
                TakeOver(bucket);
                break;

            case PoolDigest or SubscribeAck:
                break;

            default:
                Unhandled(message);
                break;
        }
    }

    // What was asked and not answered (the pool was moving) is asked again with the next digest.
    private void AskForDigest()
    {
        _round = Math.Max(_round + 1, _time.GetTimestamp());
        _pool.Tell(new PoolQuery.GetDigest(_round));
        AskAgainIn(_cache.IsPrimed ? ShortDigestInterval : FirstDigestInterval);
    }

    private void AskAgainIn(TimeSpan interval) => Timers.StartSingleTimer(Timer.Digest, Timer.Digest, interval);

    private void Compare(PoolDigest digest)
    {
        _cache.Resize(digest.Size, digest.SizeReadAt);
        _cache.HeardTime(digest.AsOf, _time.GetElapsedTime(0, digest.Round));
        var (ours, theirs) = (_cache.Digest(), digest.Buckets);
        var differ = Enumerable.Range(0, Math.Max(theirs.Count, ours.Length))
            .Where(bucket => theirs.ElementAtOrDefault(bucket) != ours.ElementAtOrDefault(bucket))
            .ToHashSet();
        var atOnce = !_cache.IsPrimed || _catchingUp.Count > 0;
        var pull = atOnce ? differ : [.. differ.Intersect(_differed)];

        // What differs for the first time was right at the digest before: all is proven as of that one.
        var proof = new Proof(digest.Round, digest.AsOf);
        _next = pull.Count == differ.Count ? proof : _answered;
        _answered = proof;
        _differed = differ;

        // The pulls go to the very pool that said what differs, and not to the next one, which may know less.
        _digestFrom = Sender;
        _bucketsCome = false;
        _pulling.Clear();
        _toPull.Clear();
        foreach (var bucket in pull)
            _toPull.Enqueue(bucket);
        PullOn();
    }

    private void TakeOver(PoolBucket bucket)
    {
        var behind = _cache.Apply(bucket);
        if (bucket.Round != _answered.Round || !_pulling.Remove(bucket.Bucket))
            return;

        _differed.Remove(bucket.Bucket);
        _bucketsCome = true;

        // What the pool has missed for so long it will not hear by itself: the token says it once more.
        foreach (var token in behind.Take(WakesPerPull))
            _tokens.Tell(new TokenCommand.Wake(token), _digestFrom);
        PullOn();
    }

    private void PullOn()
    {
        while (_pulling.Count < PullsUnderWay && _toPull.TryDequeue(out var bucket))
        {
            _pulling.Add(bucket);
            _digestFrom.Tell(new PoolQuery.GetBucket(_answered.Round, bucket));
        }

        if (_pulling.Count > 0)
            return;

        _bucketsCome = false;
        Proven();
        if (_differed.Count == 0)
            AskAgainIn(DigestInterval);
    }

    private void Proven()
    {
        _cache.Proven(_next.AsOf);
        foreach (var (who, _) in _catchingUp.Where(waiting => waiting.Round <= _next.Round))
            who.Tell(new CaughtUp());
        _catchingUp.RemoveAll(waiting => waiting.Round <= _next.Round);
    }
}
