using System.Text;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using TokenManager.Actors.Cache;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Cache;

public sealed class TokenCacheActorSpecs : TestKit
{
    private const string Config =
        """
        akka.loglevel = OFF
        akka.stdout-loglevel = OFF
        akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit"
        akka.actor.provider = cluster
        akka.remote.dot-netty.tcp.hostname = 127.0.0.1
        akka.remote.dot-netty.tcp.port = 0
        """;

    private readonly TokenCache _cache = new(new TextRenderer());
    private readonly PoolDecider _books = new(new PoolSettings { Size = 3 });
    private readonly TestProbe _pool;
    private readonly IActorRef _actor;

    public TokenCacheActorSpecs()
        : base(Config + Patience.Config)
    {
        Load(3);
        _pool = CreateTestProbe();
        _actor = Sys.ActorOf(TokenCacheActor.Props(_cache, _pool));
    }

    [Fact]
    public async Task A_cache_is_primed_by_the_pools_buckets()
    {
        Assert.False(_cache.IsPrimed);
        await PrimeAsync();
        Assert.Equal("0:0", Encoding.UTF8.GetString(_cache.Details(Make.Token(0))!));
    }

    [Fact]
    public async Task A_pool_that_does_not_answer_is_asked_again_soon()
    {
        await _pool.ExpectMsgAsync<PoolQuery.GetDigest>();
        await AwaitAssertAsync(async () =>
        {
            Advance(TimeSpan.FromMilliseconds(50));
            await _pool.ExpectMsgAsync<PoolQuery.GetDigest>(TimeSpan.FromMilliseconds(100));
        });
    }

    [Fact]
    public async Task A_change_on_the_topic_shows_at_once()
    {
        await PrimeAsync();
        _actor.Tell(new TokenChanged(Make.Token(0), 1, Make.Open(0, 1, 1)));
        await AwaitAssertAsync(() => Assert.Equal("0:1+", Encoding.UTF8.GetString(_cache.Details(Make.Token(0))!)));
    }

    [Fact]
    public async Task A_lost_message_is_repaired_by_the_second_digest_and_not_by_the_first()
    {
        await PrimeAsync();
        Lend(0, 1);
        await AnswerDigestAsync();
        await _pool.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
        await AnswerDigestAsync();
        await AnswerBucketAsync();
        await AwaitAssertAsync(() => Assert.Equal("0:1+", Encoding.UTF8.GetString(_cache.Details(Make.Token(0))!)));
    }

    [Fact]
    public async Task A_change_that_is_merely_late_costs_no_pull()
    {
        await PrimeAsync();
        Lend(0, 1);
        await AnswerDigestAsync();
        _actor.Tell(new TokenChanged(Make.Token(0), 1, Make.Open(0, 1, 1)));
        await AnswerDigestAsync();
        await _pool.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public async Task Retired_tokens_disappear()
    {
        await PrimeAsync();
        _books.Sweep(new SweepImage(1, []), TimeSpan.Zero);
        await AnswerDigestAsync();
        await AnswerDigestAsync();
        await AnswerBucketAsync();
        await AwaitAssertAsync(() => Assert.Null(_cache.Details(Make.Token(2))));
        Assert.NotNull(_cache.Details(Make.Token(0)));
    }

    [Fact]
    public async Task Catching_up_is_answered_only_by_a_digest_that_was_asked_for_afterwards()
    {
        await PrimeAsync();
        Advance(TimeSpan.FromSeconds(1));
        var before = await _pool.ExpectMsgAsync<PoolQuery.GetDigest>();
        var old = _books.Digest(before.Round);
        Lend(0, 1);
        _actor.Tell(new TokenCacheActor.CatchUp(), TestActor);
        var after = await _pool.ExpectMsgAsync<PoolQuery.GetDigest>();
        _actor.Tell(old);
        await ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));

        _actor.Tell(_books.Digest(after.Round));
        await _pool.ExpectMsgAsync<PoolQuery.GetBucket>();
        await ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
        _actor.Tell(_books.Bucket(0));
        await ExpectMsgAsync<TokenCacheActor.CaughtUp>();
        Assert.Equal("0:1+", Encoding.UTF8.GetString(_cache.Details(Make.Token(0))!));
    }

    private async Task PrimeAsync()
    {
        var query = await _pool.ExpectMsgAsync<PoolQuery.GetDigest>();
        _actor.Tell(_books.Digest(query.Round));
        await AnswerBucketAsync();
        await AwaitAssertAsync(() => Assert.True(_cache.IsPrimed));
        Advance(TimeSpan.FromMilliseconds(50));
        query = await _pool.ExpectMsgAsync<PoolQuery.GetDigest>();
        _actor.Tell(_books.Digest(query.Round));
    }

    private async Task AnswerDigestAsync()
    {
        Advance(TimeSpan.FromSeconds(1));
        var query = await _pool.ExpectMsgAsync<PoolQuery.GetDigest>();
        _actor.Tell(_books.Digest(query.Round));
    }

    private async Task AnswerBucketAsync()
    {
        var query = await _pool.ExpectMsgAsync<PoolQuery.GetBucket>();
        _actor.Tell(_books.Bucket(query.Bucket));
    }

    private void Advance(TimeSpan span) => ((TestScheduler)Sys.Scheduler).Advance(span);

    private void Load(int size) =>
        _books.Load(new LedgerModel().Load([.. Enumerable.Range(0, size).Select(Make.Token)], size), TimeSpan.Zero);

    private void Lend(int token, int usage) => _books.TokenAnswered(
        new TokenAnswer.Standing(Make.Token(token), 1, Make.Row(Make.Open(token, 1, usage))), TimeSpan.Zero);
}
