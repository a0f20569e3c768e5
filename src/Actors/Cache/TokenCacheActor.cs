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
    private static readonly TimeSpan DigestInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstDigestInterval = TimeSpan.FromMilliseconds(50);

    private readonly TokenCache _cache;
    private readonly IActorRef _pool;
    private readonly List<(IActorRef Who, long Round)> _catchingUp = [];
    private readonly Dictionary<int, PoolBucket?> _pulls = [];
    private int _buckets;
    private long _round;
    private long _pullRound;

    // Buckets that differed at the last digest: once is normal while changes are on their way, twice is a loss.
    private HashSet<int> _differed = [];

    public TokenCacheActor(TokenCache cache, IActorRef pool)
    {
        _cache = cache;
        _pool = pool;
    }

    /// <summary>Answered with <see cref="CaughtUp"/> when the cache shows at least what the pool knew when it was asked.</summary>
    public sealed record CatchUp : INoSerializationVerificationNeeded;

    /// <summary>See <see cref="CatchUp"/>.</summary>
    public sealed record CaughtUp : INoSerializationVerificationNeeded;

    private enum Timer
    {
        Digest,
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(TokenCache cache, IActorRef pool) =>
        Akka.Actor.Props.Create(() => new TokenCacheActor(cache, pool));

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

            case Timer.Digest:
                AskForDigest();
                break;

            case PoolDigest digest:
                Compare(digest.Round, digest.Buckets);
                break;

            case PoolBucket bucket when _pulls.ContainsKey(bucket.Bucket):
                _pulls[bucket.Bucket] = bucket;
                if (_pulls.Values.All(pulled => pulled is not null))
                    TakeOver();
                break;

            case PoolBucket or SubscribeAck:
                break;

            default:
                Unhandled(message);
                break;
        }
    }

    // What was asked and not answered (the pool was moving) is asked again with the next digest.
    private void AskForDigest()
    {
        _pool.Tell(new PoolQuery.GetDigest(++_round));
        Timers.StartSingleTimer(Timer.Digest, Timer.Digest, _cache.IsPrimed ? DigestInterval : FirstDigestInterval);
    }

    private void Compare(long round, IReadOnlyList<ulong> theirs)
    {
        var ours = _cache.Digest();
        _buckets = theirs.Count;
        var differ = Enumerable.Range(0, Math.Max(theirs.Count, ours.Length))
            .Where(bucket => theirs.ElementAtOrDefault(bucket) != ours.ElementAtOrDefault(bucket))
            .ToHashSet();
        var atOnce = !_cache.IsPrimed || _catchingUp.Count > 0;
        var pull = atOnce ? differ : [.. differ.Intersect(_differed)];
        _differed = differ;
        _pulls.Clear();
        _pullRound = round;
        foreach (var bucket in pull)
        {
            _pulls.Add(bucket, null);
            _pool.Tell(new PoolQuery.GetBucket(bucket));
        }

        if (differ.Count == 0)
            Proven(round);
    }

    private void TakeOver()
    {
        _cache.Apply([.. _pulls.Values.OfType<PoolBucket>()], _buckets);
        _pulls.Clear();
        Proven(_pullRound);
    }

    private void Proven(long round)
    {
        _cache.SetPrimed();
        foreach (var (who, _) in _catchingUp.Where(waiting => waiting.Round <= round))
            who.Tell(new CaughtUp());
        _catchingUp.RemoveAll(waiting => waiting.Round <= round);
    }
}
