using System.Text;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using Microsoft.Extensions.Time.Testing;
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

    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(250);

    private readonly TokenCache _cache = new(new TextRenderer());
    private readonly FakeTimeProvider _time = new();
    private readonly PoolDecider _books = new(new PoolSettings { Size = 3 });
    private readonly TestProbe _pool;
    private readonly TestProbe _tokens;
    private readonly IActorRef _actor;
    private int _size = 3;
    private DateTimeOffset _databaseTime = Make.Start;

    public TokenCacheActorSpecs()
        : base(Config + Patience.Config)
    {
        Load(3);
        _pool = CreateTestProbe();
        _tokens = CreateTestProbe();
        _actor = Sys.ActorOf(TokenCacheActor.Props(_cache, _time, _pool, _tokens));
    }

    [Fact]
    public async Task A_cache_is_primed_by_the_pools_buckets()
    {
        Assert.False(_cache.IsPrimed);
        await PrimeAsync();
        Assert.Equal("0:0", Encoding.UTF8.GetString(_cache.Details(Make.Token(0))!));
    }

    [Fact]
    public async Task The_databases_time_is_counted_from_when_the_pool_was_asked_for_it()
    {
        Assert.Null(_cache.DatabaseTimeAt(_time.GetElapsedTime(0)));
        await PrimeAsync();
        _time.Advance(TimeSpan.FromSeconds(5));
        var question = await QuestionAsync(TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(3));
        _databaseTime = Make.Start.AddSeconds(7);
        TellDigest(question);
        await AwaitAssertAsync(() =>
            Assert.Equal(Make.Start.AddSeconds(10), _cache.DatabaseTimeAt(_time.GetElapsedTime(0))));
    }

    [Fact]
    public async Task A_question_that_waited_for_the_pool_all_the_time_is_answered_in_vain()
    {
        await PrimeAsync();
        var waited = await QuestionAsync(TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(7));
        _databaseTime = Make.Start.AddSeconds(7);
        TellDigest(waited);
        await HeardAsync();
        Assert.Equal(Make.Start.AddSeconds(7), _cache.DatabaseTimeAt(_time.GetElapsedTime(0)));

        _databaseTime = Make.Start.AddSeconds(9);
        TellDigest(await QuestionAsync(TimeSpan.FromMilliseconds(250)));
        await AwaitAssertAsync(() =>
            Assert.Equal(Make.Start.AddSeconds(9), _cache.DatabaseTimeAt(_time.GetElapsedTime(0))));
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
        await AnswerDigestAsync(Soon);
        await AnswerBucketAsync();
        await ShowsAsync(0, "0:1+");
    }

    [Fact]
    public async Task A_change_that_is_merely_late_costs_no_pull()
    {
        await PrimeAsync();
        Lend(0, 1);
        await AnswerDigestAsync();
        _actor.Tell(new TokenChanged(Make.Token(0), 1, Make.Open(0, 1, 1)));
        await AnswerDigestAsync(Soon);
        await _pool.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public async Task A_question_that_gets_no_answer_is_asked_again_soon()
    {
        await PrimeAsync();
        await QuestionAsync(TimeSpan.FromSeconds(1));
        await QuestionAsync(Soon);
        await AnswerDigestAsync(Soon);
        Advance(Soon);
        await _pool.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public async Task A_bucket_that_was_lost_is_asked_for_again_soon()
    {
        await PrimeAsync();
        Lend(0, 1);
        await AnswerDigestAsync();
        await AnswerDigestAsync(Soon);
        await _pool.ExpectMsgAsync<PoolQuery.GetBucket>();
        await AnswerDigestAsync(Soon);
        await AnswerBucketAsync();
        await ShowsAsync(0, "0:1+");
    }

    [Fact]
    public async Task Retired_tokens_disappear_with_the_next_digest()
    {
        await PrimeAsync();
        _books.Sweep(new SweepImage(1, []), TimeSpan.Zero);
        _size = 1;
        await AnswerDigestAsync();
        await AwaitAssertAsync(() => Assert.Null(_cache.Details(Make.Token(2))));
        Assert.NotNull(_cache.Details(Make.Token(0)));
        await _pool.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public async Task Tokens_of_a_pool_that_has_grown_appear()
    {
        await PrimeAsync();
        Load(5);
        _size = 5;
        await AnswerDigestAsync();
        await AnswerDigestAsync(Soon);
        await AnswerBucketAsync();
        await ShowsAsync(4, "4:0");
    }

    [Fact]
    public async Task A_match_proves_the_cache_as_of_the_digest()
    {
        await PrimeAsync();
        _databaseTime = Make.Start.AddSeconds(7);
        await AnswerDigestAsync();
        await ProvenAsync(Make.Start.AddSeconds(7));
    }

    [Fact]
    public async Task Without_an_answer_reads_go_on_and_what_is_proven_stands_still()
    {
        await PrimeAsync();
        var proven = _cache.AsOf;
        await QuestionAsync(TimeSpan.FromSeconds(1));
        for (var i = 0; i < 5; i++)
            await QuestionAsync(Soon);
        Assert.Same(proven, _cache.AsOf);
        await ShowsAsync(0, "0:0");
    }

    [Fact]
    public async Task What_differs_for_the_first_time_proves_the_cache_only_as_of_the_digest_before()
    {
        await PrimeAsync();
        _databaseTime = Make.Start.AddSeconds(1);
        await AnswerDigestAsync();
        await ProvenAsync(Make.Start.AddSeconds(1));
        Lend(0, 1);
        _databaseTime = Make.Start.AddSeconds(2);
        await AnswerDigestAsync();
        _databaseTime = Make.Start.AddSeconds(3);
        await AnswerDigestAsync(Soon);
        var query = await _pool.ExpectMsgAsync<PoolQuery.GetBucket>();
        await HeardAsync();
        await ProvenAsync(Make.Start.AddSeconds(1));

        Tell(_books.Bucket(query.Bucket) with { Round = query.Round });
        await ProvenAsync(Make.Start.AddSeconds(3));
        await ShowsAsync(0, "0:1+");
    }

    [Fact]
    public async Task A_pull_of_some_buckets_does_not_prove_the_others()
    {
        Load(600);
        _size = 600;
        await PrimeAsync(buckets: 3);
        Lend(0, 1);
        _databaseTime = Make.Start.AddSeconds(1);
        await AnswerDigestAsync();
        Lend(300, 1);
        _databaseTime = Make.Start.AddSeconds(2);
        await AnswerDigestAsync(Soon);
        await AnswerBucketAsync();
        await HeardAsync();
        await ProvenAsync(Make.Start.AddSeconds(1));
        await ShowsAsync(300, "300:0");

        _databaseTime = Make.Start.AddSeconds(3);
        await AnswerDigestAsync(Soon);
        await AnswerBucketAsync();
        await ProvenAsync(Make.Start.AddSeconds(3));
        await ShowsAsync(300, "300:1+");
    }

    [Fact]
    public async Task What_an_older_pool_answers_late_is_not_heard()
    {
        await PrimeAsync();
        var old = await QuestionAsync(TimeSpan.FromSeconds(1));
        await AnswerDigestAsync(Soon);
        var proven = _cache.AsOf;
        Lend(0, 1);
        _databaseTime = Make.Start.AddSeconds(9);
        TellDigest(old);
        await AnswerDigestAsync();
        await _pool.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
        Assert.Same(proven, _cache.AsOf);
    }

    [Fact]
    public async Task Buckets_are_pulled_from_the_pool_that_made_the_digest_and_count_for_no_other_round()
    {
        await PrimeAsync();
        Lend(0, 1);
        await AnswerDigestAsync();
        var before = await AnswerDigestAsync(Soon);
        await _pool.ExpectMsgAsync(new PoolQuery.GetBucket(before.Round, 0));
        var old = _books.Bucket(0) with { Round = before.Round };

        var next = CreateTestProbe();
        Lend(1, 2);
        _databaseTime = Make.Start.AddSeconds(5);
        var question = await QuestionAsync(Soon);
        TellDigest(question, next);
        await next.ExpectMsgAsync(new PoolQuery.GetBucket(question.Round, 0));
        var proven = _cache.AsOf;
        Tell(old);
        await ShowsAsync(0, "0:1+");
        Assert.Same(proven, _cache.AsOf);

        _actor.Tell(_books.Bucket(0) with { Round = question.Round }, next);
        await ProvenAsync(Make.Start.AddSeconds(5));
        await ShowsAsync(1, "1:1+");
    }

    [Fact]
    public async Task A_pool_that_knows_less_takes_nothing_back_and_is_told_by_the_token()
    {
        await PrimeAsync();
        _actor.Tell(new TokenChanged(Make.Token(1), 1, Make.Open(1, 1, 1)));
        _databaseTime = Make.Start.AddSeconds(4);
        await AnswerDigestAsync();
        await AnswerDigestAsync(Soon);
        await AnswerBucketAsync();
        await _tokens.ExpectMsgAsync(new TokenCommand.Wake(Make.Token(1)));
        Assert.Equal(_pool.Ref, _tokens.Sender);
        await ProvenAsync(Make.Start.AddSeconds(4));
        await ShowsAsync(1, "1:1+");
    }

    [Fact]
    public async Task A_large_pool_is_pulled_a_few_buckets_at_a_time_and_not_begun_anew_meanwhile()
    {
        Load(256 * 40);
        _size = 256 * 40;
        var question = await _pool.ExpectMsgAsync<PoolQuery.GetDigest>();
        TellDigest(question);
        for (var first = 0; first < 40; first += 16)
        {
            var pulls = new List<PoolQuery.GetBucket>();
            for (var i = first; i < Math.Min(40, first + 16); i++)
                pulls.Add(await _pool.ExpectMsgAsync<PoolQuery.GetBucket>());
            await _pool.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
            Assert.False(_cache.IsPrimed);
            foreach (var pull in pulls)
                Tell(_books.Bucket(pull.Bucket) with { Round = pull.Round });
            if (first < 32)
                Advance(TimeSpan.FromMilliseconds(50));
        }

        await AwaitAssertAsync(() => Assert.True(_cache.IsPrimed));
        await ShowsAsync((256 * 40) - 1, $"{(256 * 40) - 1}:0");
    }

    [Fact]
    public async Task Catching_up_is_answered_only_by_a_digest_that_was_asked_for_afterwards()
    {
        await PrimeAsync();
        var before = await QuestionAsync(TimeSpan.FromSeconds(1));
        var old = DigestOf(before);
        Lend(0, 1);
        _actor.Tell(new TokenCacheActor.CatchUp(), TestActor);
        var after = await _pool.ExpectMsgAsync<PoolQuery.GetDigest>();
        Tell(old);
        await ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));

        TellDigest(after);
        await _pool.ExpectMsgAsync<PoolQuery.GetBucket>();
        await ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
        Tell(_books.Bucket(0) with { Round = after.Round });
        await ExpectMsgAsync<TokenCacheActor.CaughtUp>();
        await ShowsAsync(0, "0:1+");
    }

    private async Task PrimeAsync(int buckets = 1)
    {
        var question = await _pool.ExpectMsgAsync<PoolQuery.GetDigest>();
        TellDigest(question);
        for (var i = 0; i < buckets; i++)
            await AnswerBucketAsync();
        await AwaitAssertAsync(() => Assert.True(_cache.IsPrimed));
    }

    private async Task HeardAsync()
    {
        var probe = CreateTestProbe();
        _actor.Tell(new Identify("all that came before"), probe);
        await probe.ExpectMsgAsync<ActorIdentity>();
    }

    private async Task<PoolQuery.GetDigest> QuestionAsync(TimeSpan after)
    {
        // The actor sets its timer when it has taken in what came before.
        await HeardAsync();
        Advance(after - TimeSpan.FromMilliseconds(1));
        await _pool.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(20));
        Advance(TimeSpan.FromMilliseconds(1));
        return await _pool.ExpectMsgAsync<PoolQuery.GetDigest>();
    }

    private async Task<PoolQuery.GetDigest> AnswerDigestAsync(TimeSpan? after = null)
    {
        var question = await QuestionAsync(after ?? TimeSpan.FromSeconds(1));
        TellDigest(question);
        return question;
    }

    private async Task AnswerBucketAsync()
    {
        var query = await _pool.ExpectMsgAsync<PoolQuery.GetBucket>();
        Tell(_books.Bucket(query.Bucket) with { Round = query.Round });
    }

    private void TellDigest(PoolQuery.GetDigest question, IActorRef? pool = null) => _actor.Tell(DigestOf(question), pool ?? _pool);

    private PoolDigest DigestOf(PoolQuery.GetDigest question) => _books.Digest(question.Round) with
    {
        AsOf = _databaseTime,
        Size = _size,
        SizeReadAt = _databaseTime,
    };

    private void Tell(object message) => _actor.Tell(message, _pool);

    private Task ShowsAsync(int token, string text) =>
        AwaitAssertAsync(() => Assert.Equal(text, Encoding.UTF8.GetString(_cache.Details(Make.Token(token)) ?? [])));

    private Task ProvenAsync(DateTimeOffset asOf) =>
        AwaitAssertAsync(() => Assert.Equal(new TextRenderer().AsOf(asOf), _cache.AsOf));

    private void Advance(TimeSpan span) => ((TestScheduler)Sys.Scheduler).Advance(span);

    private void Load(int size) =>
        _books.Load(new LedgerModel().Load([.. Enumerable.Range(0, size).Select(Make.Token)], size), TimeSpan.Zero);

    private void Lend(int token, int usage) => _books.TokenAnswered(
        new TokenAnswer.Standing(Make.Token(token), 1, Make.Row(Make.Open(token, 1, usage))), TimeSpan.Zero);
}
