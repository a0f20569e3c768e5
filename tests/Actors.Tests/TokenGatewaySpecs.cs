using System.Text;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TokenManager.Actors.Cache;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;

namespace TokenManager.Actors.Tests;

/// <summary>The gateway before a pool that the test plays.</summary>
public sealed class TokenGatewaySpecs : TestKit
{
    private readonly FakeTimeProvider _time = new();
    private readonly TestProbe _pool;
    private readonly TestProbe _cacheActor;
    private readonly TokenCache _cache = new(new TextRenderer());
    private readonly LedgerDouble _ledger = new();
    private readonly TokenGateway _gateway;

    public TokenGatewaySpecs()
        : base("akka.loglevel = OFF\nakka.stdout-loglevel = OFF" + Patience.Config)
    {
        _pool = CreateTestProbe();
        _cacheActor = CreateTestProbe();
        _cache.HeardTime(Make.Start, _time.GetElapsedTime(0));
        _gateway = new TokenGateway(
            _pool, _cacheActor, _cache, _ledger, _time, NullLogger<TokenGateway>.Instance);
    }

    [Fact]
    public async Task A_usage_id_of_its_own_that_is_used_up_was_granted_and_nothing_more_is_asked_for()
    {
        var result = _gateway.ActivateAsync(Make.User(1), usageId: null, CancellationToken.None);
        var usageId = (await RequestAsync<PoolRequest.ActivateToken>()).UsageId;
        // Whatever the database's clock says of its age.
        _ledger.With(model =>
        {
            model.Open(new OpenUsage(usageId, Make.Token(0), Make.User(1), 1, Make.Lease));
            model.Close(new CloseUsage(usageId, EndReason.Evicted, default));
            return model.Now += TimeSpan.FromSeconds(2);
        });
        Reply(new PoolAnswer.UsageIdReused());

        var granted = _ledger.With(model => model.Find(usageId)!.Usage) with { End = null };
        Assert.Equal(new ActivateResult.Granted(granted), await result);
        await _pool.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(100));
    }

    [Fact]
    public async Task Nobody_is_told_of_a_usage_id_that_nobody_chose()
    {
        var result = _gateway.ActivateAsync(Make.User(1), usageId: null, CancellationToken.None);
        await RequestAsync<PoolRequest.ActivateToken>();
        Reply(new PoolAnswer.UsageIdReused());
        Assert.Equal(new ActivateResult.Unavailable(OutcomeUnknown: true), await result);
    }

    [Fact]
    public async Task A_usage_id_of_the_callers_that_is_used_up_is_said_to_be()
    {
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        Assert.True((await RequestAsync<PoolRequest.ActivateToken>()).CallerChoseUsageId);
        Reply(new PoolAnswer.UsageIdReused());
        Assert.Equal(new ActivateResult.UsageIdReused(), await result);
    }

    [Theory]
    [InlineData(1, 3, true)]
    [InlineData(1, 1, false)]
    [InlineData(2, 3, false)]
    public async Task A_usage_of_the_callers_that_began_and_ended_within_the_request_was_granted(
        int user, int secondsWaited, bool granted)
    {
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ActivateToken>();
        // Granted and cleared, two seconds before the next ask is answered.
        _ledger.With(model =>
        {
            model.Open(new OpenUsage(Make.Usage(1), Make.Token(0), Make.User(user), 1, Make.Lease));
            model.Close(new CloseUsage(Make.Usage(1), EndReason.Cleared, default));
            return model.Now += TimeSpan.FromSeconds(2);
        });
        _time.Advance(TimeSpan.FromSeconds(secondsWaited));
        Reply(new PoolAnswer.UsageIdReused());

        Assert.Equal(
            granted
                ? new ActivateResult.Granted(_ledger.With(model => model.Find(Make.Usage(1))!.Usage) with { End = null })
                : new ActivateResult.UsageIdReused(),
            await result);
    }

    [Fact]
    public async Task A_usage_that_runs_is_granted_to_whoever_asks_for_it_again_although_a_pool_calls_its_id_used_up()
    {
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ActivateToken>();
        _ledger.With(model => model.Open(new OpenUsage(Make.Usage(1), Make.Token(0), Make.User(1), 1, Make.Lease)));
        Reply(new PoolAnswer.UsageIdReused());

        Assert.Equal(new ActivateResult.Granted(_ledger.With(model => model.Find(Make.Usage(1))!.Usage)), await result);
    }

    [Fact]
    public async Task What_a_used_up_id_stands_for_is_not_known_without_the_database()
    {
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ActivateToken>();
        _ledger.Failure = LedgerDouble.Unavailable(outcomeUnknown: false);
        Reply(new PoolAnswer.UsageIdReused());

        Assert.Equal(new ActivateResult.Unavailable(OutcomeUnknown: true), await result);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_an_ask_without_an_answer_nobody_is_told_that_nothing_was_granted(bool answeredAtOnce)
    {
        var result = _gateway.ActivateAsync(Make.User(1), usageId: null, CancellationToken.None);
        var first = await RequestAsync<PoolRequest.ActivateToken>();
        if (!answeredAtOnce)
        {
            Assert.Equal(first with { CallerChoseUsageId = true }, await RequestAsync<PoolRequest.ActivateToken>());
            _time.Advance(TimeSpan.FromSeconds(4.25));
        }

        Reply(new PoolAnswer.Unavailable(OutcomeUnknown: false));
        Assert.Equal(new ActivateResult.Unavailable(OutcomeUnknown: !answeredAtOnce), await result);
    }

    [Fact]
    public async Task Every_ask_says_by_the_databases_clock_how_long_somebody_waits_for_it()
    {
        _cache.HeardTime(Make.Start, _time.GetElapsedTime(0));
        _time.Advance(TimeSpan.FromSeconds(10));
        var result = _gateway.ReleaseAsync(Make.Token(0), Make.Usage(1), CancellationToken.None);
        Assert.Equal(Make.Start.AddSeconds(14.25), (await RequestAsync<PoolRequest.ReleaseToken>()).NotAfter);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(Make.Start.AddSeconds(14.25), (await RequestAsync<PoolRequest.ReleaseToken>()).NotAfter);
        Reply(new PoolAnswer.UsageMismatch());
        await result;
    }

    [Fact]
    public async Task An_ask_that_the_pool_cannot_take_does_not_end_a_request_of_which_it_holds_another()
    {
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ActivateToken>();
        var held = _pool.LastSender;
        await RequestAsync<PoolRequest.ActivateToken>();
        Reply(new PoolAnswer.Unavailable(OutcomeUnknown: false));
        await _pool.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(100));
        Assert.False(result.IsCompleted);
        held.Tell(new PoolAnswer.Granted(Make.Open(0, 1, 1)));
        Assert.Equal(new ActivateResult.Granted(Make.Open(0, 1, 1)), await result);
    }

    [Fact]
    public async Task A_refusal_counts_only_when_no_other_ask_can_be_carried_out_any_more()
    {
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ActivateToken>();
        var onItsWay = _pool.LastSender;
        await RequestAsync<PoolRequest.ActivateToken>();
        Reply(new PoolAnswer.Exhausted(TimeSpan.FromSeconds(1)));
        await _pool.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(600));
        Assert.False(result.IsCompleted);
        onItsWay.Tell(new PoolAnswer.Granted(Make.Open(0, 1, 1)));
        Assert.Equal(new ActivateResult.Granted(Make.Open(0, 1, 1)), await result);
    }

    [Fact]
    public async Task A_request_all_of_whose_asks_were_refused_is_refused()
    {
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ActivateToken>();
        var first = _pool.LastSender;
        await RequestAsync<PoolRequest.ActivateToken>();
        Reply(new PoolAnswer.UserAlreadyActive());
        first.Tell(new PoolAnswer.UserAlreadyActive());
        Assert.Equal(new ActivateResult.UserAlreadyActive(), await result);
    }

    [Fact]
    public async Task A_request_one_of_whose_asks_was_lost_is_not_told_that_nothing_was_granted()
    {
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ActivateToken>();
        await RequestAsync<PoolRequest.ActivateToken>();
        Reply(new PoolAnswer.Exhausted(TimeSpan.FromSeconds(1)));
        Assert.Equal(new ActivateResult.Unavailable(OutcomeUnknown: true), await result);
    }

    [Fact]
    public async Task An_ask_that_came_to_a_pool_that_had_moved_does_not_count()
    {
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ActivateToken>();
        Reply(new PoolAnswer.Moved());
        await RequestAsync<PoolRequest.ActivateToken>();
        Reply(new PoolAnswer.Unavailable(OutcomeUnknown: false));
        Assert.Equal(new ActivateResult.Unavailable(OutcomeUnknown: false), await result);
    }

    [Fact]
    public async Task Who_is_told_that_the_pool_moves_does_not_ask_further_and_further_apart()
    {
        // Seven pauses, or with pauses that double up to a second more than twice as much as that.
        const int Asks = 8;
        var limit = TimeSpan.FromSeconds(4);
        var started = TimeProvider.System.GetTimestamp();
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        for (var ask = 1; ask < Asks; ask++)
        {
            await RequestAsync<PoolRequest.ActivateToken>();
            Reply(new PoolAnswer.Moved());
        }

        await RequestAsync<PoolRequest.ActivateToken>();
        Assert.InRange(TimeProvider.System.GetElapsedTime(started), TimeSpan.Zero, limit);
        Reply(new PoolAnswer.UserAlreadyActive());
        Assert.Equal(new ActivateResult.UserAlreadyActive(), await result);
    }

    [Fact]
    public async Task A_refusal_counts_at_once_when_the_other_asks_are_known_to_have_come_to_nothing()
    {
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ActivateToken>();
        var lost = _pool.LastSender;
        await RequestAsync<PoolRequest.ActivateToken>();
        Reply(new PoolAnswer.UserAlreadyActive());
        await _pool.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(100));
        Assert.False(result.IsCompleted);
        lost.Tell(new PoolAnswer.Moved());
        Assert.Equal(new ActivateResult.UserAlreadyActive(), await result);
    }

    [Fact]
    public async Task A_request_none_of_whose_asks_was_begun_has_changed_nothing()
    {
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ActivateToken>();
        Reply(new PoolAnswer.Moved());
        await RequestAsync<PoolRequest.ActivateToken>();
        _time.Advance(TimeSpan.FromSeconds(4.25));
        Reply(new PoolAnswer.Moved());
        Assert.Equal(new ActivateResult.Unavailable(OutcomeUnknown: false), await result);
    }

    [Fact]
    public async Task A_request_ends_when_none_of_its_asks_could_be_taken()
    {
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ActivateToken>();
        var first = _pool.LastSender;
        await RequestAsync<PoolRequest.ActivateToken>();
        Reply(new PoolAnswer.Unavailable(OutcomeUnknown: false));
        first.Tell(new PoolAnswer.Unavailable(OutcomeUnknown: false));
        Assert.Equal(new ActivateResult.Unavailable(OutcomeUnknown: true), await result);
        Assert.False(_pool.HasMessages);
    }

    [Fact]
    public async Task Nothing_is_asked_before_it_can_be_said_until_when_somebody_waits()
    {
        var cache = new TokenCache(new TextRenderer());
        var gateway = new TokenGateway(_pool, _cacheActor, cache, _ledger, _time, NullLogger<TokenGateway>.Instance);
        var result = gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        await _pool.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(300));
        cache.HeardTime(Make.Start, _time.GetElapsedTime(0));
        Assert.Equal(Make.Start.AddSeconds(4.25), (await RequestAsync<PoolRequest.ActivateToken>()).NotAfter);
        Reply(new PoolAnswer.Granted(Make.Open(0, 1, 1)));
        Assert.Equal(new ActivateResult.Granted(Make.Open(0, 1, 1)), await result);
    }

    [Fact]
    public async Task A_request_that_could_not_be_asked_in_time_has_changed_nothing()
    {
        var gateway = new TokenGateway(
            _pool, _cacheActor, new TokenCache(new TextRenderer()), _ledger, _time, NullLogger<TokenGateway>.Instance);
        var result = gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        _time.Advance(TimeSpan.FromSeconds(4.25));
        Assert.Equal(new ActivateResult.Unavailable(OutcomeUnknown: false), await result);
        Assert.False(_pool.HasMessages);
    }

    [Fact]
    public async Task In_its_last_moment_a_request_is_not_asked_over_and_over()
    {
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ActivateToken>();
        _time.Advance(TimeSpan.FromSeconds(4.2495));
        Assert.Equal(new ActivateResult.Unavailable(OutcomeUnknown: true), await result);
        Assert.False(_pool.HasMessages);
    }

    [Fact]
    public async Task A_clear_is_sent_once_and_only_to_a_pool_that_is_there()
    {
        _cache.HeardTime(Make.Start, _time.GetElapsedTime(0));
        var result = _gateway.ClearAsync(CancellationToken.None);
        await RequestAsync<PoolQuery.GetStatus>();
        Assert.False(_pool.HasMessages);
        Reply(new PoolStatus(1, 0, 1, 0, 0, NextRelease: null));
        Assert.Equal(Make.Start.AddSeconds(4.25), (await RequestAsync<PoolRequest.ClearTokens>()).NotAfter);
        Reply(new PoolAnswer.Cleared(1));
        await _cacheActor.ExpectMsgAsync<TokenCacheActor.CatchUp>();
        _cacheActor.Reply("caught up");
        Assert.Equal(new ClearResult.Cleared(1), await result);
    }

    [Fact]
    public async Task A_clear_that_went_with_its_pool_is_asked_of_the_next_one()
    {
        var result = _gateway.ClearAsync(CancellationToken.None);
        var status = new PoolStatus(1, 0, 1, 0, 0, NextRelease: null) { Node = "one" };
        await RequestAsync<PoolQuery.GetStatus>();
        Reply(status);
        await RequestAsync<PoolRequest.ClearTokens>();
        await RequestAsync<PoolQuery.GetStatus>();
        Reply(status);
        await RequestAsync<PoolQuery.GetStatus>();
        Reply(status with { Node = "another" });
        await RequestAsync<PoolRequest.ClearTokens>();
        Reply(new PoolAnswer.Cleared(1));
        await _cacheActor.ExpectMsgAsync<TokenCacheActor.CatchUp>();
        _cacheActor.Reply("caught up");
        Assert.Equal(new ClearResult.Cleared(1), await result);
    }

    [Fact]
    public async Task A_clear_that_comes_to_a_pool_that_is_going_is_asked_of_the_next_one()
    {
        var result = _gateway.ClearAsync(CancellationToken.None);
        var status = new PoolStatus(1, 0, 1, 0, 0, NextRelease: null) { Node = "one" };
        await RequestAsync<PoolQuery.GetStatus>();
        Reply(status);
        await RequestAsync<PoolRequest.ClearTokens>();
        Reply(new PoolAnswer.Moved());
        // It says how it is until it ends: whoever asked at once would go round in circles.
        await _pool.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(100));
        await RequestAsync<PoolQuery.GetStatus>();
        Reply(status with { Node = "another" });
        await RequestAsync<PoolRequest.ClearTokens>();
        Reply(new PoolAnswer.Cleared(1));
        await _cacheActor.ExpectMsgAsync<TokenCacheActor.CatchUp>();
        _cacheActor.Reply("caught up");
        Assert.Equal(new ClearResult.Cleared(1), await result);
    }

    [Fact]
    public async Task What_a_clear_brought_about_that_waited_for_the_next_pool_is_in_the_count()
    {
        var result = _gateway.ClearAsync(CancellationToken.None);
        var status = new PoolStatus(1, 0, 1, 0, 0, NextRelease: null) { Node = "one" };
        await RequestAsync<PoolQuery.GetStatus>();
        Reply(status);
        await RequestAsync<PoolRequest.ClearTokens>();
        var waited = _pool.LastSender;
        await RequestAsync<PoolQuery.GetStatus>();
        Reply(status with { Node = "another" });
        await RequestAsync<PoolRequest.ClearTokens>();
        waited.Tell(new PoolAnswer.Cleared(3));
        Reply(new PoolAnswer.Cleared(1));
        await _cacheActor.ExpectMsgAsync<TokenCacheActor.CatchUp>();
        _cacheActor.Reply("caught up");
        Assert.Equal(new ClearResult.Cleared(4), await result);
    }

    [Fact]
    public async Task A_clear_is_never_sent_to_a_pool_that_does_not_answer()
    {
        _time.AutoAdvanceAmount = TimeSpan.FromSeconds(2);
        Assert.Equal(new ClearResult.Unavailable(), await _gateway.ClearAsync(CancellationToken.None));
        await RequestAsync<PoolQuery.GetStatus>();
        while (_pool.HasMessages)
            await RequestAsync<PoolQuery.GetStatus>();
    }

    [Fact]
    public async Task A_token_that_this_node_has_not_heard_of_is_shown_before_the_activation_is_answered()
    {
        Prime(1);
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ActivateToken>();
        Reply(new PoolAnswer.Granted(Make.Open(7, 1, 1)));
        await _cacheActor.ExpectMsgAsync<TokenCacheActor.CatchUp>();
        Assert.False(result.IsCompleted);
        _cacheActor.Reply("caught up");
        Assert.IsType<ActivateResult.Granted>(await result);
    }

    [Fact]
    public async Task What_was_granted_and_what_was_released_shows_at_once()
    {
        Prime(1);
        var granting = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ActivateToken>();
        Reply(new PoolAnswer.Granted(Make.Open(0, 1, 1)));
        await granting;
        Assert.Equal("0:1+", Shown(0));

        var releasing = _gateway.ReleaseAsync(Make.Token(0), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ReleaseToken>();
        Reply(new PoolAnswer.Ended(Make.Ended(0, 1, 1)));
        await releasing;
        Assert.Equal("0:1", Shown(0));
    }

    [Fact]
    public async Task What_was_released_of_a_token_that_left_the_pool_shows_as_well()
    {
        Prime(1);
        _cache.Apply(Make.Token(0), 1, Make.Open(0, 1, 1));
        _ledger.With(model => model.Open(Wish(0, 1)));
        _ledger.With(model => model.Close(new CloseUsage(Make.Usage(1), EndReason.Released, Make.Start)));
        var result = _gateway.ReleaseAsync(Make.Token(0), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ReleaseToken>();
        Reply(new PoolAnswer.TokenNotFound());
        Assert.IsType<ReleaseResult.Released>(await result);
        Assert.Equal("0:1", Shown(0));
    }

    [Fact]
    public async Task A_release_of_what_runs_is_unavailable_to_a_pool_that_does_not_know_its_token()
    {
        _ledger.With(model => model.Open(Wish(0, 1)));
        Assert.Equal(new ReleaseResult.Unavailable(OutcomeUnknown: false), await ReleaseAsync(token: 0));
        Assert.Equal(new ReleaseResult.TokenNotFound(), await ReleaseAsync(token: 1));

        async Task<ReleaseResult> ReleaseAsync(int token)
        {
            var result = _gateway.ReleaseAsync(Make.Token(token), Make.Usage(1), CancellationToken.None);
            await RequestAsync<PoolRequest.ReleaseToken>();
            Reply(new PoolAnswer.TokenNotFound());
            return await result;
        }
    }

    [Fact]
    public async Task A_strong_list_is_what_the_ledger_says_and_leaves_nothing_older_in_the_cache()
    {
        Prime(2);
        var proven = _cache.AsOf;
        _ledger.With(model => model.Now += TimeSpan.FromMinutes(1));
        _ledger.With(model => model.Open(Wish(1, 1)));
        var found = Assert.IsType<StrongListResult.Found>(await _gateway.ReadListAsync(TokenFilter.Active, CancellationToken.None));
        Assert.Equal("[1:1+]1/2", Encoding.UTF8.GetString(found.List.Body.Span));
        Assert.Equal(new TextRenderer().AsOf(Make.Start.AddMinutes(1)), found.AsOf);
        Assert.Equal("1:1+", Shown(1));
        Assert.Same(proven, _cache.AsOf);
    }

    [Fact]
    public async Task Strong_details_are_what_the_ledger_says_and_leave_nothing_older_in_the_cache()
    {
        Prime(2);
        _ledger.With(model => model.Open(Wish(1, 1)));
        var found = Assert.IsType<StrongDetailsResult.Found>(await _gateway.ReadDetailsAsync(Make.Token(1), CancellationToken.None));
        Assert.Equal("1:1+", Encoding.UTF8.GetString(found.Body));
        Assert.Equal("1:1+", Shown(1));
        Assert.Equal(
            new StrongDetailsResult.TokenNotFound(new TextRenderer().AsOf(Make.Start)),
            await _gateway.ReadDetailsAsync(Make.Token(9), CancellationToken.None));
    }

    [Fact]
    public async Task A_strong_read_without_a_ledger_is_unavailable_rather_than_old()
    {
        Prime(2);
        _ledger.Failure = LedgerDouble.Unavailable(outcomeUnknown: false);
        Assert.Equal(new StrongListResult.Unavailable(), await _gateway.ReadListAsync(TokenFilter.All, CancellationToken.None));
        Assert.Equal(
            new StrongDetailsResult.Unavailable(), await _gateway.ReadDetailsAsync(Make.Token(1), CancellationToken.None));
    }

    [Fact]
    public async Task A_strong_list_that_takes_too_long_is_unavailable()
    {
        Prime(2);
        _ledger.Gate = new TaskCompletionSource();
        var result = _gateway.ReadListAsync(TokenFilter.All, CancellationToken.None);
        _time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(result.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(new StrongListResult.Unavailable(), await result);
    }

    private void Prime(int tokens)
    {
        _cache.Resize(tokens, Make.Start);
        _cache.Apply(new PoolBucket(
            0, [.. Enumerable.Range(0, tokens).Select(n => new TokenView(Make.Token(n), n, 0, Current: null))]));
        _cache.Proven(Make.Start);
    }

    private string Shown(int token) => Encoding.UTF8.GetString(_cache.Details(Make.Token(token))!);

    private static OpenUsage Wish(int token, int usage) =>
        new(Make.Usage(usage), Make.Token(token), Make.User(usage), 1, Make.Lease);

    private Task<T> RequestAsync<T>() => _pool.ExpectMsgAsync<T>().AsTask();

    private void Reply(object answer) => _pool.Reply(answer);
}
