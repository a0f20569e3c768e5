using Akka.Actor;
using Akka.Event;
using Akka.Cluster.Sharding;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Persistence;
using Akka.Persistence.TestKit;
using Akka.TestKit;
using Microsoft.Extensions.Time.Testing;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Tokens;

/// <summary>The token's actor on a journal that can fail, a ledger that can fail, and a clock that the test moves.</summary>
public sealed class TokenActorSpecs : FaultyPersistence
{
    private const string Config =
        """
        akka.loglevel = OFF
        akka.stdout-loglevel = OFF
        akka.scheduler.implementation = "Akka.TestKit.TestScheduler, Akka.TestKit"
        """;

    private static readonly Guid Token = Make.Token(1);
    private static readonly TimeSpan IdleAfter = TimeSpan.FromMinutes(5);
    private readonly LedgerDouble _ledger = new();
    private readonly FakeTimeProvider _time = new();
    private readonly TestProbe _pool;
    private readonly TestProbe _topic;
    private readonly TestProbe _shard;

    public TokenActorSpecs()
        : base(Config)
    {
        _pool = CreateTestProbe();
        _topic = CreateTestProbe();
        _shard = CreateTestProbe();
    }

    private TestScheduler Scheduler => (TestScheduler)Sys.Scheduler;

    [Fact]
    public async Task An_activation_is_answered_journaled_and_published()
    {
        var token = await StartAsync();
        token.Tell(Activate(1), TestActor);
        var usage = (await ExpectMsgAsync<TokenAnswer.Activated>()).Row.Usage;
        Assert.Equal((Make.Usage(1), Make.User(1), 1L), (usage.UsageId, usage.UserId, usage.Fence));
        await SyncAsync(token);
        Assert.Equal([Activated(usage)], await JournalAsync());
        var published = await _topic.ExpectMsgAsync<Publish>();
        Assert.Equal((TokenTopic.Name, new TokenChanged(Token, 1, usage)), (published.Topic, published.Message));
    }

    [Fact]
    public async Task What_the_ledger_decided_is_answered_and_published_at_once_and_nothing_else_is_begun_before_it_is_journaled()
    {
        var token = await StartAsync();
        var slow = new TaskCompletionSource();
        await WithJournalWrite(
            write => write.SetInterceptorAsync(new Wait(slow.Task)),
            async () =>
            {
                token.Tell(Activate(1), TestActor);
                await ExpectMsgAsync<TokenAnswer.Activated>();
                await _topic.ExpectMsgAsync<Publish>();
                token.Tell(Release(1), TestActor);
                await ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
                Assert.Equal(0, Closes());
                slow.SetResult();
                await ExpectMsgAsync<TokenAnswer.Ended>();
                await _topic.ExpectMsgAsync<Publish>();
                Assert.Null((await _pool.ExpectMsgAsync<TokenAnswer.Standing>()).Current);
            });
    }

    [Fact]
    public async Task A_command_sent_again_gets_the_same_answer_and_journals_nothing_more()
    {
        var token = await StartAsync();
        token.Tell(Activate(1), TestActor);
        var first = await ExpectMsgAsync<TokenAnswer.Activated>();
        token.Tell(Activate(1), TestActor);
        Assert.Equal(first.Row.Usage, (await ExpectMsgAsync<TokenAnswer.Activated>()).Row.Usage);
        token.Tell(Release(1), TestActor);
        var ended = await ExpectMsgAsync<TokenAnswer.Ended>();
        token.Tell(Release(1), TestActor);
        Assert.Equal(ended, await ExpectMsgAsync<TokenAnswer.Ended>());
        await SyncAsync(token);
        Assert.Equal(2, (await JournalAsync()).Count);
    }

    [Fact]
    public async Task A_command_that_comes_too_late_fails_and_the_next_one_is_carried_out()
    {
        var token = await StartAsync();
        token.Tell(Activate(1) with { NotAfter = _ledger.With(model => model.Now).AddTicks(-1) }, TestActor);
        await ExpectMsgAsync(new TokenAnswer.Failed(Token, Make.Usage(1), OutcomeUnknown: true));
        token.Tell(Activate(1) with { NotAfter = _ledger.With(model => model.Now) }, TestActor);
        await ExpectMsgAsync<TokenAnswer.Activated>();
    }

    [Fact]
    public async Task A_usage_id_that_runs_for_another_user_is_refused_with_the_time_that_is_left()
    {
        var token = await StartAsync();
        token.Tell(Activate(1), TestActor);
        await ExpectMsgAsync<TokenAnswer.Activated>();
        token.Tell(Activate(1) with { UserId = Make.User(2) }, TestActor);
        var taken = await ExpectMsgAsync<TokenAnswer.UsageIdTaken>();
        Assert.Equal(Make.Lease, taken.Row.Remaining);
    }

    [Fact]
    public async Task A_lease_ends_by_the_tokens_own_timer()
    {
        var token = await StartAsync();
        await LendAsync(token, 1);
        Advance(Make.Lease - TimeSpan.FromSeconds(1));
        await SyncAsync(token);
        Assert.Single(_ledger.With(model => model.OpenRows.ToList()));
        Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(new TokenAnswer.Standing(Token, 1, Current: null), await _pool.ExpectMsgAsync<TokenAnswer.Standing>());
        Assert.Equal(EndReason.Expired, Assert.Single(_ledger.With(model => model.Rows)).End!.Reason);
    }

    [Fact]
    public async Task An_open_row_that_is_not_journaled_is_adopted_and_its_lease_ends_in_time()
    {
        _ledger.With(model => model.Open(new OpenUsage(Make.Usage(1), Token, Make.User(1), 1, Make.Lease)));
        var token = Start();
        var standing = await _pool.ExpectMsgAsync<TokenAnswer.Standing>();
        Assert.Equal((Make.Usage(1), Make.Lease), (standing.Current!.Usage.UsageId, standing.Current.Remaining));
        Assert.Equal([Activated(standing.Current.Usage)], await JournalAsync());
        await SyncAsync(token);
        Advance(Make.Lease);
        Assert.Null((await _pool.ExpectMsgAsync<TokenAnswer.Standing>()).Current);
    }

    [Fact]
    public async Task A_closed_row_that_is_not_journaled_is_adopted()
    {
        await LendAsync(await StartAsync(), 1, stop: true);
        _ledger.With(model => model.Close(new CloseUsage(Make.Usage(1), EndReason.Cleared, default)));
        Start();
        Assert.Equal(new TokenAnswer.Standing(Token, 1, Current: null), await _pool.ExpectMsgAsync<TokenAnswer.Standing>());
        Assert.IsType<TokenEvent.TokenReleased>((await JournalAsync())[^1]);
    }

    [Fact]
    public async Task A_lease_that_ran_out_while_nobody_was_awake_is_released_at_once()
    {
        await LendAsync(await StartAsync(), 1, stop: true);
        Advance(Make.Lease * 2);
        var token = Start();
        Assert.True((await _pool.ExpectMsgAsync<TokenAnswer.Standing>()).Current!.Remaining < TimeSpan.Zero);
        await SyncAsync(token);
        Advance(TimeSpan.FromMilliseconds(1));
        Assert.Null((await _pool.ExpectMsgAsync<TokenAnswer.Standing>()).Current);
    }

    [Fact]
    public async Task A_fresh_incarnation_arms_the_timer_again_for_what_is_left()
    {
        await LendAsync(await StartAsync(), 1, stop: true);
        Advance(Make.Lease / 2);
        var token = Start();
        Assert.Equal(Make.Lease / 2, (await _pool.ExpectMsgAsync<TokenAnswer.Standing>()).Current!.Remaining);
        await SyncAsync(token);
        Advance(Make.Lease / 2);
        Assert.Null((await _pool.ExpectMsgAsync<TokenAnswer.Standing>()).Current);
    }

    [Fact]
    public async Task A_token_leaves_memory_only_while_nobody_holds_it()
    {
        var token = await StartAsync();
        token.Tell(Activate(1) with { Lease = IdleAfter * 10 }, TestActor);
        await ExpectMsgAsync<TokenAnswer.Activated>();
        await SyncAsync(token);
        Advance(IdleAfter * 2);
        await SyncAsync(token);
        await _shard.ExpectNoMsgAsync(TimeSpan.Zero);

        token.Tell(Release(1), TestActor);
        await ExpectMsgAsync<TokenAnswer.Ended>();
        await SyncAsync(token);
        Advance(IdleAfter);
        Assert.Equal(StopToken.Instance, (await _shard.ExpectMsgAsync<Passivate>()).StopMessage);
        await WatchAsync(token);
        token.Tell(StopToken.Instance);
        await ExpectTerminatedAsync(token);
    }

    [Fact]
    public async Task A_release_that_fails_in_the_ledger_is_tried_again_until_it_is_done()
    {
        var token = await StartAsync();
        await LendAsync(token, 1);
        _ledger.Failure = LedgerDouble.Unavailable(outcomeUnknown: false);
        Advance(Make.Lease);
        for (var closes = 1; closes <= 5; closes++)
            await ClosesAsync(closes);

        _ledger.Failure = null;
        await AwaitAssertAsync(() =>
        {
            Advance(TimeSpan.FromMilliseconds(100));
            Assert.Empty(_ledger.With(model => model.OpenRows.ToList()));
        });
        Assert.Null((await _pool.ExpectMsgAsync<TokenAnswer.Standing>()).Current);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_failing_ledger_is_reported_and_the_actor_goes_on(bool outcomeUnknown)
    {
        var token = await StartAsync();
        _ledger.Failure = LedgerDouble.Unavailable(outcomeUnknown);
        token.Tell(Activate(1), TestActor);
        await ExpectMsgAsync(new TokenAnswer.Failed(Token, Make.Usage(1), outcomeUnknown));
        _ledger.Failure = null;
        token.Tell(Activate(1), TestActor);
        await ExpectMsgAsync<TokenAnswer.Activated>();
    }

    [Fact]
    public async Task Recovery_waits_for_a_ledger_that_does_not_answer()
    {
        _ledger.Failure = LedgerDouble.Unavailable(outcomeUnknown: false);
        var token = Start();
        token.Tell(Activate(1), TestActor);
        await AwaitAssertAsync(() => Assert.Single(_ledger.Calls));
        _ledger.Failure = null;
        await AwaitAssertAsync(() =>
        {
            Advance(TimeSpan.FromMilliseconds(100));
            Assert.True(_ledger.Calls.Length > 1);
        });
        await ExpectMsgAsync<TokenAnswer.Activated>();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_write_that_fails_or_is_rejected_ends_the_actor_and_the_next_one_heals(bool rejected)
    {
        var token = await StartAsync();
        await WatchAsync(token);
        await WithJournalWrite(
            write => rejected ? write.Reject() : write.Fail(),
            async () =>
            {
                token.Tell(Activate(1), TestActor);
                await ExpectMsgAsync<TokenAnswer.Activated>();
                await ExpectTerminatedAsync(token);
            });
        Assert.Empty(await JournalAsync());

        var next = Start();
        Assert.Equal(Make.Usage(1), (await _pool.ExpectMsgAsync<TokenAnswer.Standing>()).Current!.Usage.UsageId);
        next.Tell(Activate(1), TestActor);
        await ExpectMsgAsync<TokenAnswer.Activated>();
        next.Tell(Release(1), TestActor);
        await ExpectMsgAsync<TokenAnswer.Ended>();
        await SyncAsync(next);
        Assert.Equal(2, (await JournalAsync()).Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_release_whose_write_fails_or_is_rejected_is_adopted_by_the_next_one(bool rejected)
    {
        var token = await StartAsync();
        await LendAsync(token, 1);
        await WatchAsync(token);
        await WithJournalWrite(
            write => rejected ? write.Reject() : write.Fail(),
            async () =>
            {
                Advance(Make.Lease);
                await ExpectTerminatedAsync(token);
            });

        Start();
        Assert.Equal(new TokenAnswer.Standing(Token, 1, Current: null), await _pool.ExpectMsgAsync<TokenAnswer.Standing>());
        Assert.Equal(2, (await JournalAsync()).Count);
    }

    [Fact]
    public async Task An_adoption_whose_write_is_rejected_ends_the_actor_and_the_next_one_adopts()
    {
        _ledger.With(model => model.Open(new OpenUsage(Make.Usage(1), Token, Make.User(1), 1, Make.Lease)));
        await WithJournalWrite(write => write.Reject(), async () =>
        {
            var token = Start();
            await WatchAsync(token);
            await ExpectTerminatedAsync(token);
        });
        await _pool.ExpectNoMsgAsync(TimeSpan.Zero);
        Start();
        Assert.NotNull((await _pool.ExpectMsgAsync<TokenAnswer.Standing>()).Current);
    }

    [Fact]
    public async Task A_journal_that_cannot_be_read_ends_the_actor_until_it_is_needed_again()
    {
        await LendAsync(await StartAsync(), 1, stop: true);
        await WithJournalRecovery(read => read.Fail(), async () =>
        {
            var token = Start();
            await WatchAsync(token);
            await ExpectTerminatedAsync(token);
        });
        Start();
        Assert.NotNull((await _pool.ExpectMsgAsync<TokenAnswer.Standing>()).Current);
    }

    [Fact]
    public async Task A_journal_that_contradicts_the_ledger_keeps_the_token_out_of_use()
    {
        await LendAsync(await StartAsync(), 1, stop: true);
        var other = new LedgerDouble();
        var token = _shard.ChildActorOf(TokenActor.Props(Token, other, _pool, _topic, _time, IdleAfter));
        await WatchAsync(token);
        await AwaitAssertAsync(() => Assert.Single(other.Calls));
        token.Tell(Activate(2), TestActor);
        token.Tell(Release(1), TestActor);
        token.Tell(new TokenCommand.Wake(Token), TestActor);
        await ExpectNoMsgAsync(TimeSpan.FromMilliseconds(100));
        await _pool.ExpectNoMsgAsync(TimeSpan.Zero);
        Assert.Equal(["read 1"], other.Calls);

        token.Tell(StopToken.Instance);
        await ExpectTerminatedAsync(token);
        await _pool.ExpectNoMsgAsync(TimeSpan.Zero);
    }

    [Fact]
    public async Task An_answer_says_which_ask_came_to_nothing_for_certain()
    {
        var token = await StartAsync();
        _ledger.With(model => model.Open(new OpenUsage(Make.Usage(9), Make.Token(8), Make.User(2), 1, Make.Lease)));
        token.Tell(Activate(2) with { Ask = 7 }, TestActor);
        Assert.Equal(7, (await ExpectMsgAsync<TokenAnswer.UserHolds>()).Ask);

        await LendAsync(token, 1);
        token.Tell(Activate(3) with { Ask = 8 }, TestActor);
        Assert.Equal(8, (await ExpectMsgAsync<TokenAnswer.TokenInUse>()).Ask);
    }

    [Theory]
    [InlineData(false, 7)]
    [InlineData(true, 0)]
    public async Task A_failure_says_which_ask_it_was_if_that_came_to_nothing(bool outcomeUnknown, long ask)
    {
        var token = await StartAsync();
        _ledger.Failure = LedgerDouble.Unavailable(outcomeUnknown);
        token.Tell(Activate(1) with { Ask = 7 }, TestActor);
        Assert.Equal(ask, (await ExpectMsgAsync<TokenAnswer.Failed>()).Ask);
    }

    [Fact]
    public async Task An_actor_that_is_behind_its_row_recovers_and_adopts_it()
    {
        var token = await StartAsync();
        _ledger.With(model => model.Open(new OpenUsage(Make.Usage(9), Token, Make.User(9), 1, Make.Lease)));
        await LeavesToTheNextAsync(token, Activate(1));
        var next = Start();
        next.Tell(Activate(1), TestActor);
        Assert.Equal(Make.Usage(9), (await ExpectMsgAsync<TokenAnswer.TokenInUse>()).Current.Usage.UsageId);
    }

    [Fact]
    public async Task Commands_that_come_while_a_statement_is_under_way_are_served_in_order()
    {
        var token = await StartAsync();
        var gate = _ledger.Gate = new TaskCompletionSource();
        token.Tell(Activate(1), TestActor);
        token.Tell(Activate(2), TestActor);
        token.Tell(Release(1), TestActor);
        token.Tell(Activate(3), TestActor);
        await AwaitAssertAsync(() => Assert.Contains($"open {Make.Usage(1)}", _ledger.Calls));
        _ledger.Gate = null;
        gate.SetResult();
        await ExpectMsgAsync<TokenAnswer.Activated>();
        await ExpectMsgAsync<TokenAnswer.TokenInUse>();
        await ExpectMsgAsync<TokenAnswer.Ended>();
        Assert.Equal(2, (await ExpectMsgAsync<TokenAnswer.Activated>()).Row.Usage.Fence);
    }

    [Fact]
    public async Task A_lease_that_ends_while_a_statement_is_under_way_is_not_forgotten()
    {
        var token = await StartAsync();
        await LendAsync(token, 1);
        var gate = _ledger.Gate = new TaskCompletionSource();
        token.Tell(Release(9), TestActor);
        await AwaitAssertAsync(() => Assert.Contains($"find {Make.Usage(9)}", _ledger.Calls));
        Advance(Make.Lease);
        _ledger.Gate = null;
        gate.SetResult();
        await ExpectMsgAsync<TokenAnswer.NotMine>();
        Assert.Null((await _pool.ExpectMsgAsync<TokenAnswer.Standing>()).Current);
    }

    [Fact]
    public async Task Commands_that_wait_do_not_put_off_the_end_of_a_lease()
    {
        var token = await StartAsync();
        await LendAsync(token, 1);
        var gate = _ledger.Gate = new TaskCompletionSource();
        token.Tell(Release(9), TestActor);
        await AwaitAssertAsync(() => Assert.Contains($"find {Make.Usage(9)}", _ledger.Calls));
        token.Tell(Release(8), TestActor);
        token.Tell(Activate(2), TestActor);
        Advance(Make.Lease);
        _ledger.Gate = null;
        gate.SetResult();
        await ExpectMsgAsync<TokenAnswer.NotMine>();
        await ExpectMsgAsync<TokenAnswer.NotMine>();
        Assert.Equal(2, (await ExpectMsgAsync<TokenAnswer.Activated>()).Row.Usage.Fence);
        Assert.Equal(
            [$"find {Make.Usage(9)}", $"close {Make.Usage(1)} Expired", $"find {Make.Usage(8)}", $"open {Make.Usage(2)}"],
            _ledger.Calls[^4..]);
    }

    [Fact]
    public async Task Commands_do_not_cut_the_pause_before_a_retry_short()
    {
        var token = await StartAsync();
        await LendAsync(token, 1);
        _ledger.Failure = LedgerDouble.Unavailable(outcomeUnknown: false);
        var before = Closes();
        Advance(Make.Lease);
        await AwaitAssertAsync(() => Assert.Equal(before + 1, Closes()));
        for (var usage = 2; usage <= 5; usage++)
        {
            token.Tell(Activate(usage), TestActor);
            await ExpectMsgAsync<TokenAnswer.TokenInUse>();
        }

        Assert.Equal(before + 1, Closes());
        // The pause begins when the actor has heard that the close failed, which may be after the commands.
        await ClosesAsync(before + 2);
    }

    [Fact]
    public async Task An_activation_sent_again_is_not_granted_what_was_closed_behind_the_actors_back()
    {
        var token = await StartAsync();
        await LendAsync(token, 1);
        _ledger.With(model => model.Close(new CloseUsage(Make.Usage(1), EndReason.Cleared, default)));
        await LeavesToTheNextAsync(token, Activate(1));
        token = await StartAsync();
        token.Tell(Activate(1), TestActor);
        Assert.Equal(EndReason.Cleared, (await ExpectMsgAsync<TokenAnswer.UsageIdTaken>()).Row.Usage.End!.Reason);
    }

    [Fact]
    public async Task An_end_that_somebody_asked_for_is_reported_to_the_pool_too()
    {
        var token = await StartAsync();
        await LendAsync(token, 1);
        token.Tell(Release(1), TestActor);
        await ExpectMsgAsync<TokenAnswer.Ended>();
        Assert.Equal(new TokenAnswer.Standing(Token, 1, Current: null), await _pool.ExpectMsgAsync<TokenAnswer.Standing>());
    }

    // ---- woken

    [Fact]
    public async Task A_lent_token_that_is_woken_says_what_its_row_says_is_left()
    {
        var token = await StartAsync();
        await LendAsync(token, 1);
        Advance(Make.Lease / 2);
        token.Tell(new TokenCommand.Wake(Token), TestActor);
        var standing = await ExpectMsgAsync<TokenAnswer.Standing>();
        Assert.Equal((Make.Usage(1), Make.Lease / 2), (standing.Current!.Usage.UsageId, standing.Current.Remaining));
    }

    [Fact]
    public async Task A_lent_token_that_is_woken_ends_for_one_that_adopts_that_its_row_was_closed()
    {
        var token = await StartAsync();
        await LendAsync(token, 1);
        _ledger.With(model => model.Close(new CloseUsage(Make.Usage(1), EndReason.Cleared, default)));
        await WatchAsync(token);
        token.Tell(new TokenCommand.Wake(Token), TestActor);
        await ExpectTerminatedAsync(token);

        Start();
        Assert.Equal(new TokenAnswer.Standing(Token, 1, Current: null), await _pool.ExpectMsgAsync<TokenAnswer.Standing>());
        Assert.Equal(
            EndReason.Cleared, Assert.IsType<TokenEvent.TokenReleased>((await JournalAsync())[^1]).Reason);
    }

    [Fact]
    public async Task A_lent_token_that_is_woken_ends_what_is_due_by_the_databases_clock()
    {
        var token = await StartAsync();
        await LendAsync(token, 1);
        _ledger.With(model => model.Now += Make.Lease);
        token.Tell(new TokenCommand.Wake(Token), TestActor);
        Assert.Null((await _pool.ExpectMsgAsync<TokenAnswer.Standing>()).Current);
        Assert.Equal(EndReason.Expired, Assert.Single(_ledger.With(model => model.Rows)).End!.Reason);
    }

    [Fact]
    public async Task A_free_token_that_is_woken_adopts_what_its_rows_say()
    {
        var token = await StartAsync();
        _ledger.With(model => model.Open(new OpenUsage(Make.Usage(9), Token, Make.User(9), 1, Make.Lease)));
        token.Tell(new TokenCommand.Wake(Token), TestActor);
        Assert.Equal(Make.Usage(9), (await ExpectMsgAsync<TokenAnswer.Standing>()).Current!.Usage.UsageId);
        Assert.Single(await JournalAsync());
        await SyncAsync(token);
        Advance(Make.Lease);
        Assert.Null((await _pool.ExpectMsgAsync<TokenAnswer.Standing>()).Current);
    }

    [Fact]
    public async Task A_token_that_is_woken_while_it_reads_its_rows_reads_them_once()
    {
        var gate = _ledger.Gate = new TaskCompletionSource();
        var token = Start();
        await AwaitAssertAsync(() => Assert.Single(_ledger.Calls));
        for (var i = 0; i < 3; i++)
            token.Tell(new TokenCommand.Wake(Token), TestActor);
        token.Tell(Activate(1), TestActor);
        token.Tell(new Identify("all of them"), TestActor);
        await ExpectMsgAsync<ActorIdentity>();
        _ledger.Gate = null;
        gate.SetResult();
        await _pool.ExpectMsgAsync<TokenAnswer.Standing>();
        await ExpectMsgAsync<TokenAnswer.Activated>();
        Assert.Equal(["read 1", $"open {Make.Usage(1)}"], _ledger.Calls);
    }

    // ---- stopped

    [Fact]
    public async Task What_came_before_the_order_to_stop_is_done_and_answered_before_it()
    {
        var token = await StartAsync();
        await WatchAsync(token);
        var gate = _ledger.Gate = new TaskCompletionSource();
        token.Tell(Activate(1), TestActor);
        await AwaitAssertAsync(() => Assert.Contains($"open {Make.Usage(1)}", _ledger.Calls));
        token.Tell(Activate(2), TestActor);
        token.Tell(StopToken.Instance);
        _ledger.Gate = null;
        gate.SetResult();
        await ExpectMsgAsync<TokenAnswer.Activated>();
        await ExpectMsgAsync<TokenAnswer.TokenInUse>();
        await ExpectTerminatedAsync(token);
    }

    [Fact]
    public async Task What_came_before_the_order_to_stop_is_answered_though_the_token_only_reads_its_rows_yet()
    {
        var gate = _ledger.Gate = new TaskCompletionSource();
        var token = Start();
        await WatchAsync(token);
        await AwaitAssertAsync(() => Assert.Single(_ledger.Calls));
        token.Tell(Activate(1), TestActor);
        token.Tell(StopToken.Instance);
        _ledger.Gate = null;
        gate.SetResult();
        await ExpectMsgAsync<TokenAnswer.Activated>();
        await ExpectTerminatedAsync(token);
    }

    [Fact]
    public async Task Who_waits_for_a_statement_hears_when_the_actor_is_stopped_where_it_is_that_nobody_knows()
    {
        var token = await StartAsync();
        await WatchAsync(token);
        var gate = _ledger.Gate = new TaskCompletionSource();
        token.Tell(Activate(1), TestActor);
        await AwaitAssertAsync(() => Assert.Contains($"open {Make.Usage(1)}", _ledger.Calls));
        Sys.Stop(token);
        await ExpectMsgAsync(new TokenAnswer.Failed(Token, Make.Usage(1), OutcomeUnknown: true));
        await ExpectTerminatedAsync(token);
        gate.SetResult();
    }

    [Fact]
    public async Task Every_hundred_events_a_snapshot_is_saved_recovery_starts_there_and_the_journal_keeps_all()
    {
        var token = await StartAsync();
        for (var usage = 1; usage <= 51; usage++)
        {
            token.Tell(Activate(usage), TestActor);
            await ExpectMsgAsync<TokenAnswer.Activated>();
            token.Tell(Release(usage), TestActor);
            await ExpectMsgAsync<TokenAnswer.Ended>();
        }

        await SyncAsync(token);
        await AwaitAssertAsync(async () => Assert.Equal(
            (100, 50),
            (await Sys.ActorOf(Props.Create(() => new JournalReader(fromSnapshot: true))).Ask<Read>("read") is { Snapshot: { } snapshot }
                ? (snapshot.Metadata.SequenceNr, ((TokenState)snapshot.Snapshot).Fence)
                : (0, 0))));
        Assert.Equal(102, (await JournalAsync()).Count);

        await StopAsync(token);
        token = await StartAsync();
        token.Tell(Activate(52), TestActor);
        Assert.Equal(52, (await ExpectMsgAsync<TokenAnswer.Activated>()).Row.Usage.Fence);
        Assert.Equal("read 51", _ledger.Calls.Last(call => call.StartsWith("read", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task An_adopted_event_counts_towards_the_next_snapshot()
    {
        var token = await StartAsync();
        for (var usage = 1; usage <= 49; usage++)
        {
            token.Tell(Activate(usage), TestActor);
            await ExpectMsgAsync<TokenAnswer.Activated>();
            token.Tell(Release(usage), TestActor);
            await ExpectMsgAsync<TokenAnswer.Ended>();
        }

        token.Tell(Activate(50), TestActor);
        await ExpectMsgAsync<TokenAnswer.Activated>();
        await SyncAsync(token);
        await StopAsync(token);
        _ledger.With(model => model.Close(new CloseUsage(Make.Usage(50), EndReason.Cleared, default)));

        await StartAsync();

        await AwaitAssertAsync(async () => Assert.Equal(100, await LatestSnapshotAsync()));
    }

    [Fact]
    public async Task A_snapshot_that_cannot_be_saved_stops_nothing()
    {
        await WithSnapshotSave(save => save.Fail(), async () =>
        {
            var token = await StartAsync();
            for (var usage = 1; usage <= 51; usage++)
            {
                token.Tell(Activate(usage), TestActor);
                await ExpectMsgAsync<TokenAnswer.Activated>();
                token.Tell(Release(usage), TestActor);
                await ExpectMsgAsync<TokenAnswer.Ended>();
            }
        });
    }

    // ---- shorthand

    private IActorRef Start()
    {
        // What an incarnation before this one said is not to be taken for what this one says.
        while (_pool.HasMessages)
            _pool.ReceiveOne(TimeSpan.Zero);
        return _shard.ChildActorOf(TokenActor.Props(Token, _ledger, _pool, _topic, _time, IdleAfter));
    }

    private async Task<IActorRef> StartAsync()
    {
        var token = Start();
        await _pool.ExpectMsgAsync<TokenAnswer.Standing>();
        await SyncAsync(token);
        return token;
    }

    /// <summary>The actor ends and answers nothing: what it was told goes where undelivered commands go.</summary>
    private async Task LeavesToTheNextAsync(IActorRef token, TokenCommand command)
    {
        var letters = CreateTestProbe();
        Sys.EventStream.Subscribe(letters, typeof(DeadLetter));
        await WatchAsync(token);
        token.Tell(command, TestActor);
        await ExpectTerminatedAsync(token);
        var letter = await letters.FishForMessageAsync<DeadLetter>(letter => letter.Message is TokenCommand);
        Assert.Equal((command, TestActor, token), ((TokenCommand)letter.Message, letter.Sender, letter.Recipient));
    }

    private async Task StopAsync(IActorRef token)
    {
        await WatchAsync(token);
        token.Tell(StopToken.Instance);
        await ExpectTerminatedAsync(token);
    }

    private async Task LendAsync(IActorRef token, int usage, bool stop = false)
    {
        token.Tell(Activate(usage), TestActor);
        await ExpectMsgAsync<TokenAnswer.Activated>();
        await _topic.ExpectMsgAsync<Publish>();
        await SyncAsync(token);
        if (stop)
            await StopAsync(token);
    }

    // An answer to a later question: whatever came before has been dealt with to the end, timers included.
    private async Task SyncAsync(IActorRef token)
    {
        var probe = CreateTestProbe();
        token.Tell(new TokenCommand.Wake(Token), probe);
        await probe.ExpectMsgAsync<TokenAnswer.Standing>();
        token.Tell(new TokenCommand.Wake(Token), probe);
        await probe.ExpectMsgAsync<TokenAnswer.Standing>();

        // It answers before it sets its timers.
        token.Tell(new Identify("all that came before"), probe);
        await probe.ExpectMsgAsync<ActorIdentity>();
    }

    private Task ClosesAsync(int atLeast) => AwaitAssertAsync(() =>
    {
        Advance(TimeSpan.FromMilliseconds(100));
        Assert.True(Closes() >= atLeast);
    });

    private int Closes() => _ledger.Calls.Count(call => call.StartsWith("close", StringComparison.Ordinal));

    private void Advance(TimeSpan span)
    {
        _ledger.With(model => model.Now += span);
        _time.Advance(span);
        Scheduler.Advance(span);
    }

    private async Task<IReadOnlyList<TokenEvent>> JournalAsync() =>
        (await Sys.ActorOf(Props.Create(() => new JournalReader(fromSnapshot: false))).Ask<Read>("read")).Events;

    private async Task<long> LatestSnapshotAsync() =>
        (await Sys.ActorOf(Props.Create(() => new JournalReader(fromSnapshot: true))).Ask<Read>("read")).Snapshot?.Metadata.SequenceNr ?? 0;

    private static TokenEvent.TokenActivated Activated(Usage usage) => new(
        usage.TokenId, usage.UsageId, usage.UserId, usage.Fence, usage.StartedAt, usage.ExpiresAt);

    private static TokenCommand.Activate Activate(int usage) =>
        new(Token, Make.Usage(usage), Make.User(usage), Make.Lease);

    private static TokenCommand.Release Release(int usage) => new(Token, Make.Usage(usage), EndReason.Released);

    private sealed record Read(IReadOnlyList<TokenEvent> Events, SnapshotOffer? Snapshot);

    private sealed class Wait(Task until) : IJournalInterceptor
    {
        public Task InterceptAsync(IPersistentRepresentation message) => until;
    }

    private sealed class JournalReader(bool fromSnapshot) : UntypedPersistentActor
    {
        private readonly List<TokenEvent> _events = [];
        private SnapshotOffer? _snapshot;

        public override string PersistenceId => TokenActor.PersistenceIdOf(Token);

        public override Recovery Recovery => fromSnapshot ? new Recovery() : new Recovery(SnapshotSelectionCriteria.None);

        protected override void OnRecover(object message)
        {
            if (message is TokenEvent @event)
                _events.Add(@event);
            else if (message is SnapshotOffer offer)
                _snapshot = offer;
        }

        protected override void OnCommand(object message)
        {
            Sender.Tell(new Read(_events, _snapshot));
            Context.Stop(Self);
        }
    }
}
