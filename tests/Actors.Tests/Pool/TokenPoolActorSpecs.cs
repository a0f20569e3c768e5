using Akka.Actor;
using Akka.Event;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using Microsoft.Extensions.Time.Testing;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Pool;

public sealed class TokenPoolActorSpecs : TestKit
{
    private const string Config =
        """
        akka.loglevel = OFF
        akka.stdout-loglevel = OFF
        akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit"
        """;

    private readonly LedgerDouble _ledger = new();
    private readonly FakeTimeProvider _time = new();
    private readonly TestProbe _tokens;
    private readonly PoolSettings _settings = new() { Size = 2, MaxWaiting = 2 };
    private readonly PoolDeparture _departure = new();

    public TokenPoolActorSpecs()
        : base(Config + Patience.Config) => _tokens = CreateTestProbe();

    [Fact]
    public async Task Requests_that_come_before_the_pool_is_loaded_wait_and_are_answered_after_it()
    {
        var gate = _ledger.Gate = new TaskCompletionSource();
        var pool = Start();
        pool.Tell(Activate(1), TestActor);
        await _tokens.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
        gate.SetResult();
        var ask = await _tokens.ExpectMsgAsync<TokenCommand.Activate>();
        pool.Tell(new TokenAnswer.Activated(ask.TokenId, Make.Row(Make.Open(0, 1, 1))));
        Assert.Equal(Make.Open(0, 1, 1), (await ExpectMsgAsync<PoolAnswer.Granted>()).Usage);
    }

    [Fact]
    public async Task No_more_early_requests_than_the_bound_wait()
    {
        var gate = _ledger.Gate = new TaskCompletionSource();
        var pool = Start();
        pool.Tell(Activate(1), TestActor);
        pool.Tell(Activate(2), TestActor);
        pool.Tell(Activate(3), TestActor);
        await ExpectMsgAsync(new PoolAnswer.Unavailable(OutcomeUnknown: false));
        gate.SetResult();
        await _tokens.ExpectMsgAsync<TokenCommand.Activate>();
        await _tokens.ExpectMsgAsync<TokenCommand.Activate>();
    }

    [Fact]
    public async Task Of_several_early_asks_of_one_request_the_last_one_waits_and_the_others_were_not_begun()
    {
        var gate = _ledger.Gate = new TaskCompletionSource();
        var pool = Start();
        var (first, last) = (CreateTestProbe(), CreateTestProbe());
        pool.Tell(Activate(1), first);
        pool.Tell(Activate(1) with { CallerChoseUsageId = true }, last);
        await first.ExpectMsgAsync<PoolAnswer.Moved>();
        // It took no place of its own.
        pool.Tell(Activate(2), TestActor);
        gate.SetResult();
        var asks = new[] { await _tokens.ExpectMsgAsync<TokenCommand.Activate>(), await _tokens.ExpectMsgAsync<TokenCommand.Activate>() };
        foreach (var ask in asks)
        {
            var usage = ask.UsageId == Make.Usage(1) ? 1 : 2;
            pool.Tell(new TokenAnswer.Activated(ask.TokenId, Make.Row(Make.Open(usage - 1, 1, usage))));
        }

        Assert.Equal(Make.Usage(1), (await last.ExpectMsgAsync<PoolAnswer.Granted>()).Usage.UsageId);
        Assert.Equal(Make.Usage(2), (await ExpectMsgAsync<PoolAnswer.Granted>()).Usage.UsageId);
        Assert.False(first.HasMessages);
    }

    [Fact]
    public async Task Early_requests_whose_callers_have_given_up_are_refused_rather_than_carried_out()
    {
        var gate = _ledger.Gate = new TaskCompletionSource();
        var pool = Start();
        pool.Tell(Activate(1), TestActor);
        await HeardAsync(pool);
        await AdvanceAsync(pool, PoolDecider.CallerPatience);
        gate.SetResult();
        await ExpectMsgAsync(new PoolAnswer.Unavailable(OutcomeUnknown: false));
        await _tokens.ExpectNoMsgAsync(TimeSpan.Zero);
    }

    [Fact]
    public async Task A_pool_that_cannot_be_loaded_is_tried_again()
    {
        _ledger.Failure = LedgerDouble.Unavailable(outcomeUnknown: false);
        var pool = Start();
        await AwaitAssertAsync(() => Assert.Single(_ledger.Calls));
        _ledger.Failure = null;
        await AwaitAssertAsync(async () =>
        {
            await AdvanceAsync(pool, TimeSpan.FromMilliseconds(250));
            Assert.True(_ledger.Calls.Length > 1);
        });
        await ReadyAsync(pool);
    }

    [Fact]
    public async Task A_sweep_wakes_what_is_overdue_in_the_ledger()
    {
        var pool = await StartAsync();
        _ledger.With(model => model.Open(new OpenUsage(Make.Usage(1), Make.Token(0), Make.User(1), 1, TimeSpan.FromSeconds(1))));
        await AwaitAssertAsync(async () =>
        {
            await AdvanceAsync(pool, _settings.SweepInterval);
            await _tokens.ExpectMsgAsync(new TokenCommand.Wake(Make.Token(0)), TimeSpan.FromMilliseconds(200));
        });
        Assert.Equal(1, (await pool.Ask<PoolStatus>(new PoolQuery.GetStatus())).Active);
    }

    [Fact]
    public async Task No_sweep_begins_before_the_last_one_has_ended()
    {
        var pool = await StartAsync();
        var gate = _ledger.Gate = new TaskCompletionSource();
        await AdvanceAsync(pool, _settings.SweepInterval);
        await AdvanceAsync(pool, _settings.SweepInterval);
        await AdvanceAsync(pool, _settings.SweepInterval);
        Assert.Single(Sweeps());
        _ledger.Gate = null;
        gate.SetResult();
        await AwaitAssertAsync(async () =>
        {
            await AdvanceAsync(pool, _settings.SweepInterval);
            Assert.True(Sweeps().Length > 1);
        });

        string[] Sweeps() => [.. _ledger.Calls.Where(call => call.StartsWith("sweep", StringComparison.Ordinal))];
    }

    [Fact]
    public async Task A_sweep_wakes_what_is_behind_in_the_journal_though_nobody_holds_it()
    {
        var pool = await StartAsync();
        _ledger.Unjournaled = [Make.Token(1)];
        await AwaitAssertAsync(async () =>
        {
            await AdvanceAsync(pool, _settings.SweepInterval);
            await _tokens.ExpectMsgAsync(new TokenCommand.Wake(Make.Token(1)), TimeSpan.FromMilliseconds(200));
        });
    }

    [Fact]
    public async Task An_answer_of_a_token_that_the_pool_does_not_know_makes_it_load_again()
    {
        var pool = await StartAsync();
        _ledger.Tokens = [Make.Token(0), Make.Token(1), Make.Token(2)];
        pool.Tell(new TokenAnswer.Standing(Make.Token(2), 0, Current: null));
        await TotalAsync(pool, 3);
    }

    [Fact]
    public async Task A_failure_holds_new_requests_back_until_the_ledger_answers_again()
    {
        var pool = await StartAsync();
        pool.Tell(Activate(1), TestActor);
        var ask = await _tokens.ExpectMsgAsync<TokenCommand.Activate>();
        _ledger.Failure = LedgerDouble.Unavailable(outcomeUnknown: false);
        pool.Tell(new TokenAnswer.Failed(ask.TokenId, ask.UsageId, OutcomeUnknown: false));
        await ExpectMsgAsync(new PoolAnswer.Unavailable(OutcomeUnknown: false));
        await AwaitAssertAsync(() => Assert.Contains("ping", _ledger.Calls));
        pool.Tell(Activate(2), TestActor);
        _ledger.Failure = null;
        await AwaitAssertAsync(async () =>
        {
            await AdvanceAsync(pool, TimeSpan.FromMilliseconds(250));
            if (!_tokens.HasMessages)
                pool.Tell(Activate(3), TestActor);
            await _tokens.ExpectMsgAsync<TokenCommand.Activate>(TimeSpan.FromMilliseconds(200));
        });
    }

    [Fact]
    public async Task A_refusal_under_a_chosen_usage_id_is_looked_up_in_the_ledger()
    {
        var pool = await StartAsync();
        foreach (var usage in new[] { 1, 2 })
            pool.Tell(new TokenAnswer.Standing(Make.Token(usage - 1), 1, Make.Row(Make.Open(usage - 1, 1, usage))));
        pool.Tell(Activate(3) with { CallerChoseUsageId = true }, TestActor);
        await ExpectMsgAsync<PoolAnswer.Exhausted>();
        Assert.Contains($"find {Make.Usage(3)}", _ledger.Calls);
    }

    [Fact]
    public async Task A_digest_says_the_databases_time_and_the_pools_size()
    {
        var pool = await StartAsync();
        var loaded = _ledger.With(model => model.Now);
        Assert.Equal((loaded, 2, loaded), await StampAsync(pool));

        await AdvanceAsync(pool, TimeSpan.FromSeconds(3));
        Assert.Equal((loaded.AddSeconds(3), 2, loaded), await StampAsync(pool));
    }

    [Fact]
    public async Task A_sweep_sets_the_clock_and_reads_the_size_again()
    {
        var pool = await StartAsync();
        _ledger.Tokens = [Make.Token(0)];
        _ledger.With(model => model.Now -= TimeSpan.FromSeconds(2));
        await AwaitAssertAsync(async () =>
        {
            await AdvanceAsync(pool, _settings.SweepInterval);
            var now = _ledger.With(model => model.Now);
            Assert.Equal((now, 1, now), await StampAsync(pool));
        });
    }

    [Fact]
    public async Task An_ask_must_take_effect_within_a_second_and_a_half_by_the_databases_clock()
    {
        var pool = await StartAsync();
        await AdvanceAsync(pool, TimeSpan.FromSeconds(3));
        pool.Tell(Activate(1), TestActor);
        var ask = await _tokens.ExpectMsgAsync<TokenCommand.Activate>();
        Assert.Equal(_ledger.With(model => model.Now) + TimeSpan.FromSeconds(1.5), ask.NotAfter);
    }

    [Fact]
    public async Task A_failure_makes_the_pool_read_the_databases_clock_again()
    {
        var pool = await StartAsync();
        pool.Tell(Activate(1), TestActor);
        var ask = await _tokens.ExpectMsgAsync<TokenCommand.Activate>();
        var now = _ledger.With(model => model.Now += TimeSpan.FromSeconds(7));
        pool.Tell(new TokenAnswer.Failed(ask.TokenId, ask.UsageId, OutcomeUnknown: true));
        await AwaitAssertAsync(async () => Assert.Equal(now, (await StampAsync(pool)).AsOf));
    }

    [Fact]
    public async Task A_larger_size_is_said_when_its_tokens_are_known()
    {
        var pool = await StartAsync();
        var gate = _ledger.Gate = new TaskCompletionSource();
        _ledger.Tokens = [Make.Token(0), Make.Token(1), Make.Token(2)];
        await AdvanceAsync(pool, _settings.SweepInterval);
        Assert.Equal(2, (await StampAsync(pool)).Size);
        gate.SetResult();
        await AwaitAssertAsync(async () => Assert.Equal(3, (await StampAsync(pool)).Size));
        await TotalAsync(pool, 3);
    }

    [Fact]
    public async Task A_bucket_comes_with_the_round_it_was_asked_for()
    {
        var pool = await StartAsync();
        pool.Tell(new PoolQuery.GetBucket(7, 0), TestActor);
        var bucket = await ExpectMsgAsync<PoolBucket>();
        Assert.Equal((7, 0, 2), (bucket.Round, bucket.Bucket, bucket.Tokens.Count));
    }

    [Fact]
    public async Task A_pool_that_was_asleep_claims_nothing_before_it_has_read_the_ledger_again()
    {
        var pool = await StartAsync();
        var status = await pool.Ask<PoolStatus>(new PoolQuery.GetStatus());
        var gate = _ledger.Gate = new TaskCompletionSource();
        Sleep(TimeSpan.FromSeconds(60));
        _ledger.With(model => model.Open(new OpenUsage(Make.Usage(1), Make.Token(0), Make.User(1), 1, Make.Lease)));
        pool.Tell(new PoolQuery.GetDigest(1), TestActor);
        await ExpectNoMsgAsync(TimeSpan.FromMilliseconds(100));
        gate.SetResult();
        await AwaitAssertAsync(async () =>
        {
            var digest = await pool.Ask<PoolDigest>(new PoolQuery.GetDigest(2), TimeSpan.FromMilliseconds(200));
            Assert.Equal(Make.Start.AddSeconds(60), digest.AsOf);
        });
        var bucket = await pool.Ask<PoolBucket>(new PoolQuery.GetBucket(2, 0));
        Assert.Equal(Make.Usage(1), bucket.Tokens[0].Current?.UsageId);

        // It is still the same pool: a clear is not asked of it twice.
        Assert.Equal(status.RebuiltAt, (await pool.Ask<PoolStatus>(new PoolQuery.GetStatus())).RebuiltAt);
    }

    [Fact]
    public async Task What_was_read_of_the_ledger_before_the_pool_fell_asleep_does_not_count()
    {
        var pool = await StartAsync();
        var gate = _ledger.Gate = new TaskCompletionSource();
        pool.Tell(new TokenAnswer.Standing(Make.Token(2), 0, Current: null));
        await AwaitAssertAsync(() => Assert.Equal(2, _ledger.Calls.Count(call => call == "load")));
        Sleep(TimeSpan.FromSeconds(60));
        await HeardAsync(pool);
        gate.SetResult();
        await AwaitAssertAsync(async () =>
        {
            var digest = await pool.Ask<PoolDigest>(new PoolQuery.GetDigest(1), TimeSpan.FromMilliseconds(200));
            Assert.Equal(Make.Start.AddSeconds(60), digest.AsOf);
        });
    }

    [Fact]
    public async Task A_pool_that_was_asleep_refuses_nobody_from_memory()
    {
        var pool = await StartAsync();
        foreach (var usage in new[] { 1, 2 })
        {
            _ledger.With(model => model.Open(new OpenUsage(Make.Usage(usage), Make.Token(usage - 1), Make.User(usage), 1, Make.Lease)));
            pool.Tell(new TokenAnswer.Standing(Make.Token(usage - 1), 1, Make.Row(Make.Open(usage - 1, 1, usage))));
        }

        pool.Tell(Activate(3), TestActor);
        await ExpectMsgAsync<PoolAnswer.Exhausted>();
        Sleep(TimeSpan.FromSeconds(60));
        _ledger.With(model => model.Close(new CloseUsage(Make.Usage(1), EndReason.Cleared, default)));
        pool.Tell(Activate(1) with { UsageId = Make.Usage(4) }, TestActor);
        var ask = await _tokens.ExpectMsgAsync<TokenCommand.Activate>();
        Assert.Equal((Make.Token(0), Make.Usage(4)), (ask.TokenId, ask.UsageId));
    }

    [Fact]
    public async Task Whoever_waited_when_the_pool_fell_asleep_hears_that_nobody_knows_and_what_is_under_way_is_not_lost()
    {
        var pool = await StartAsync();
        pool.Tell(Activate(1), TestActor);
        var ask = await _tokens.ExpectMsgAsync<TokenCommand.Activate>();
        Sleep(TimeSpan.FromSeconds(4));
        await AwaitAssertAsync(async () =>
        {
            await AdvanceAsync(pool, TimeSpan.FromMilliseconds(25));
            await ExpectMsgAsync(new PoolAnswer.Unavailable(OutcomeUnknown: true), TimeSpan.FromMilliseconds(200));
        });
        Assert.Equal(1, (await pool.Ask<PoolStatus>(new PoolQuery.GetStatus())).Reserved);
        Assert.Equal(ask.UsageId, (await _tokens.ExpectMsgAsync<TokenCommand.Activate>()).UsageId);
    }

    public static TheoryData<string> Requests() => ["activate", "release", "clear"];

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task What_nobody_waits_for_any_more_by_the_databases_clock_is_not_begun(string request)
    {
        var pool = await StartAsync();
        Sleep(TimeSpan.FromSeconds(60));
        PoolRequest late = request switch
        {
            "activate" => Activate(1),
            "release" => new PoolRequest.ReleaseToken(Make.Token(0), Make.Usage(1)),
            _ => new PoolRequest.ClearTokens(),
        };
        pool.Tell(late with { NotAfter = Make.Start.AddSeconds(60) }, TestActor);
        await ExpectMsgAsync(new PoolAnswer.Unavailable(OutcomeUnknown: false));
        await _tokens.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
        Assert.Equal(2, _ledger.Calls.Count(call => call == "load"));
    }

    [Fact]
    public async Task Nobody_waits_longer_than_their_limit()
    {
        var pool = await StartAsync();
        pool.Tell(Activate(1) with { NotAfter = Make.Start.AddSeconds(0.5) }, TestActor);
        await _tokens.ExpectMsgAsync<TokenCommand.Activate>();
        await AdvanceAsync(pool, TimeSpan.FromSeconds(0.4));
        await ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));

        // The token's answer may be on its way.
        await AdvanceAsync(pool, TimeSpan.FromSeconds(0.7));
        await AdvanceAsync(pool, TimeSpan.FromSeconds(0.1));
        await ExpectMsgAsync(new PoolAnswer.Unavailable(OutcomeUnknown: true));
    }

    [Fact]
    public async Task The_time_of_early_requests_counts_from_when_they_came()
    {
        var gate = _ledger.Gate = new TaskCompletionSource();
        var pool = Start();
        pool.Tell(Activate(1), TestActor);
        await HeardAsync(pool);
        await AdvanceAsync(pool, TimeSpan.FromSeconds(3));
        gate.SetResult();
        await _tokens.ExpectMsgAsync<TokenCommand.Activate>();
        await AdvanceAsync(pool, TimeSpan.FromSeconds(0.7));
        await ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
        await AdvanceAsync(pool, TimeSpan.FromSeconds(0.4));
        await AdvanceAsync(pool, TimeSpan.FromSeconds(0.1));
        await ExpectMsgAsync(new PoolAnswer.Unavailable(OutcomeUnknown: true));
    }

    [Fact]
    public async Task A_pool_that_is_handed_over_brings_to_an_end_what_is_under_way_and_begins_nothing()
    {
        var pool = await StartAsync();
        Watch(pool);
        pool.Tell(Activate(1), TestActor);
        var ask = await _tokens.ExpectMsgAsync<TokenCommand.Activate>();
        pool.Tell(HandOver.Instance);
        pool.Tell(Activate(2), TestActor);
        await ExpectMsgAsync<PoolAnswer.Moved>();
        pool.Tell(new PoolQuery.GetStatus(), TestActor);
        await HeardAsync(pool);
        pool.Tell(new TokenAnswer.Activated(ask.TokenId, Make.Row(Make.Open(0, 1, 1))));
        Assert.Equal(Make.Open(0, 1, 1), (await ExpectMsgAsync<PoolAnswer.Granted>()).Usage);
        await ExpectTerminatedAsync(pool);
        Assert.False(_tokens.HasMessages);
    }

    [Fact]
    public async Task A_pool_that_nobody_waits_for_is_handed_over_at_once()
    {
        var pool = await StartAsync();
        Watch(pool);
        pool.Tell(HandOver.Instance);
        await ExpectTerminatedAsync(pool);
    }

    [Fact]
    public async Task A_pool_that_is_handed_over_waits_for_a_second_at_most()
    {
        var pool = await StartAsync();
        Watch(pool);
        pool.Tell(Activate(1), TestActor);
        await _tokens.ExpectMsgAsync<TokenCommand.Activate>();
        pool.Tell(HandOver.Instance);
        await HeardAsync(pool);
        await AdvanceAsync(pool, TimeSpan.FromSeconds(0.9));
        ((TestScheduler)Sys.Scheduler).Advance(TimeSpan.FromSeconds(0.1));
        await ExpectTerminatedAsync(pool);
    }

    [Fact]
    public async Task A_pool_that_makes_way_ends_what_is_under_way_begins_nothing_says_so_and_ends_when_it_is_told_to()
    {
        var pool = await StartAsync();
        Watch(pool);
        pool.Tell(Activate(1), TestActor);
        var ask = await _tokens.ExpectMsgAsync<TokenCommand.Activate>();
        pool.Tell(MakeWay.Instance, TestActor);
        pool.Tell(Activate(2), TestActor);
        await ExpectMsgAsync<PoolAnswer.Moved>();
        pool.Tell(new TokenAnswer.Activated(ask.TokenId, Make.Row(Make.Open(0, 1, 1))));
        Assert.Equal(Make.Open(0, 1, 1), (await ExpectMsgAsync<PoolAnswer.Granted>()).Usage);
        await ExpectMsgAsync<MadeWay>();

        // It begins nothing afterwards either.
        pool.Tell(Activate(2), TestActor);
        await ExpectMsgAsync<PoolAnswer.Moved>();
        Assert.False(_tokens.HasMessages);
        pool.Tell(HandOver.Instance);
        await ExpectTerminatedAsync(pool);
    }

    [Fact]
    public async Task A_pool_that_makes_way_is_waited_for_for_a_second_at_most_and_then_hands_over_at_once()
    {
        var pool = await StartAsync();
        Watch(pool);
        pool.Tell(Activate(1), TestActor);
        await _tokens.ExpectMsgAsync<TokenCommand.Activate>();
        pool.Tell(MakeWay.Instance, TestActor);
        await HeardAsync(pool);
        await AdvanceAsync(pool, TimeSpan.FromSeconds(0.9));
        Assert.False(HasMessages);
        ((TestScheduler)Sys.Scheduler).Advance(TimeSpan.FromSeconds(0.1));
        await ExpectMsgAsync<MadeWay>();
        pool.Tell(HandOver.Instance);
        await ExpectTerminatedAsync(pool);
    }

    [Fact]
    public async Task A_pool_that_has_made_way_does_not_say_later_that_somebody_has_no_answer()
    {
        // The specs are silent otherwise, and an actor learns at its start what is wanted.
        Sys.EventStream.SetLogLevel(LogLevel.WarningLevel);
        var warnings = CreateTestProbe();
        Sys.EventStream.Subscribe<Warning>(warnings);
        var pool = await StartAsync();
        pool.Tell(MakeWay.Instance, TestActor);
        await ExpectMsgAsync<MadeWay>();
        await AdvanceAsync(pool, TimeSpan.FromSeconds(1.5));
        await warnings.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(200));
    }

    [Fact]
    public async Task A_pool_that_is_handed_over_while_it_makes_way_says_at_its_end_that_it_has()
    {
        var pool = await StartAsync();
        pool.Tell(Activate(1), TestActor);
        var ask = await _tokens.ExpectMsgAsync<TokenCommand.Activate>();
        pool.Tell(MakeWay.Instance, TestActor);
        pool.Tell(HandOver.Instance);
        pool.Tell(new TokenAnswer.Activated(ask.TokenId, Make.Row(Make.Open(0, 1, 1))));
        await ExpectMsgAsync<PoolAnswer.Granted>();
        await ExpectMsgAsync<MadeWay>();
    }

    [Fact]
    public async Task A_pool_that_has_made_way_still_says_how_it_is_until_it_is_told_to_end()
    {
        var pool = await StartAsync();
        pool.Tell(MakeWay.Instance, TestActor);
        await ExpectMsgAsync<MadeWay>();
        pool.Tell(new PoolQuery.GetStatus(), TestActor);
        Assert.Equal(_settings.Size, (await ExpectMsgAsync<PoolStatus>()).Total);
        pool.Tell(new PoolQuery.GetDigest(1), TestActor);
        await ExpectMsgAsync<PoolDigest>();
    }

    [Fact]
    public async Task A_pool_that_comes_to_a_node_whose_shards_go_begins_nothing()
    {
        _departure.Begin();
        var pool = await StartAsync();
        pool.Tell(Activate(1), TestActor);
        await ExpectMsgAsync<PoolAnswer.Moved>();
        Assert.False(_tokens.HasMessages);
    }

    [Fact]
    public async Task Who_came_before_the_pool_was_loaded_is_sent_to_its_successor()
    {
        _ledger.Gate = new TaskCompletionSource();
        var pool = Start();
        Watch(pool);
        pool.Tell(Activate(1), TestActor);
        pool.Tell(HandOver.Instance);
        await ExpectMsgAsync<PoolAnswer.Moved>();
        await ExpectTerminatedAsync(pool);
    }

    [Fact]
    public async Task A_pool_that_reads_the_ledger_again_when_it_is_handed_over_still_answers_whom_it_had_begun_to_serve()
    {
        var pool = await StartAsync();
        Watch(pool);
        pool.Tell(Activate(1), TestActor);
        var ask = await _tokens.ExpectMsgAsync<TokenCommand.Activate>();
        var gate = _ledger.Gate = new TaskCompletionSource();
        Sleep(TimeSpan.FromSeconds(2.5));
        pool.Tell(new TokenAnswer.Activated(ask.TokenId, Make.Row(Make.Open(0, 1, 1))));
        pool.Tell(HandOver.Instance);
        await HeardAsync(pool);
        gate.SetResult();
        Assert.Equal(Make.Open(0, 1, 1), (await ExpectMsgAsync<PoolAnswer.Granted>()).Usage);
        await ExpectTerminatedAsync(pool);
    }

    [Fact]
    public async Task Who_comes_when_the_pool_is_gone_is_sent_to_its_successor()
    {
        Sys.ActorOf(StrayRequestsActor.Props(_tokens, _time));
        var pool = await StartAsync();
        Watch(pool);
        pool.Tell(HandOver.Instance);
        await ExpectTerminatedAsync(pool);
        await AwaitAssertAsync(async () =>
        {
            pool.Tell(Activate(1), TestActor);
            await ExpectMsgAsync<PoolAnswer.Moved>(TimeSpan.FromMilliseconds(200));
        });
    }

    private async Task<(DateTimeOffset AsOf, int Size, DateTimeOffset SizeReadAt)> StampAsync(IActorRef pool)
    {
        var probe = CreateTestProbe();
        pool.Tell(new PoolQuery.GetDigest(1), probe);
        var digest = await probe.ExpectMsgAsync<PoolDigest>();
        return (digest.AsOf, digest.Size, digest.SizeReadAt);
    }

    private IActorRef Start() => Sys.ActorOf(TokenPoolActor.Props(_settings, _ledger, _time, _tokens, _departure));

    [Fact]
    public async Task The_status_says_where_the_pool_is_and_since_when()
    {
        var pool = await StartAsync();
        await AdvanceAsync(pool, TimeSpan.FromSeconds(5));

        var status = await pool.Ask<PoolStatus>(new PoolQuery.GetStatus());

        Assert.Equal(Make.Start, status.RebuiltAt);
        Assert.Equal(((ExtendedActorSystem)Sys).Provider.DefaultAddress.ToString(), status.Node);
    }

    private async Task<IActorRef> StartAsync()
    {
        var pool = Start();
        await ReadyAsync(pool);
        return pool;
    }

    private Task ReadyAsync(IActorRef pool) => TotalAsync(pool, 2);

    private Task TotalAsync(IActorRef pool, int total) => AwaitAssertAsync(async () =>
    {
        var probe = CreateTestProbe();
        pool.Tell(new PoolQuery.GetStatus(), probe);
        Assert.Equal(total, (await probe.ExpectMsgAsync<PoolStatus>(TimeSpan.FromMilliseconds(200))).Total);
    });

    private async Task AdvanceAsync(IActorRef pool, TimeSpan span)
    {
        for (var left = span; left > TimeSpan.Zero; left -= TimeSpan.FromSeconds(1))
        {
            var step = left < TimeSpan.FromSeconds(1) ? left : TimeSpan.FromSeconds(1);
            Sleep(step);
            ((TestScheduler)Sys.Scheduler).Advance(step);
            await HeardAsync(pool);
        }
    }

    /// <summary>Time passes, and none of it is heard of.</summary>
    private void Sleep(TimeSpan span)
    {
        _ledger.With(model => model.Now += span);
        _time.Advance(span);
    }

    private async Task HeardAsync(IActorRef pool)
    {
        var probe = CreateTestProbe();
        pool.Tell(new Identify("all that came before"), probe);
        await probe.ExpectMsgAsync<ActorIdentity>();
    }

    private static PoolRequest.ActivateToken Activate(int usage) =>
        new(Make.User(usage), Make.Usage(usage), CallerChoseUsageId: false);
}
