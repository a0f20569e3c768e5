using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Pool;

public sealed class PoolDeciderTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private PoolDecider _pool = new(new PoolSettings { Size = 2 });
    private TimeSpan _now = TimeSpan.FromHours(1);

    // ---- activation

    [Fact]
    public void A_request_reserves_a_free_token_and_asks_it()
    {
        Load(2);
        Activate(1);
        Assert.Equal([Ask(0, 1)], Take());
        Assert.Equal((1, 0, 1, 1), Books());
    }

    [Fact]
    public void A_caller_is_granted_what_the_token_says()
    {
        Load(2);
        Activate(1);
        Take();
        Grant(0, 1, 1);
        Assert.Equal([Reply("1", new PoolAnswer.Granted(Make.Open(0, 1, 1)))], Take());
        Assert.Equal((1, 1, 0, 0), Books());
    }

    [Fact]
    public void Tokens_are_lent_in_the_order_in_which_they_came_back()
    {
        Load(3);
        Lend(1, 2, 3);
        Answer(new TokenAnswer.Standing(Make.Token(2), 1, null));
        Answer(new TokenAnswer.Standing(Make.Token(0), 1, null));
        Activate(4);
        Activate(5);
        Assert.Equal([Ask(2, 4), Ask(0, 5)], Take());
    }

    [Fact]
    public void The_same_request_sent_again_shares_one_activation_and_its_answer()
    {
        Load(2);
        Activate(1, from: "a");
        Activate(1, from: "b");
        Assert.Equal([Ask(0, 1)], Take());
        Grant(0, 1, 1);
        var granted = new PoolAnswer.Granted(Make.Open(0, 1, 1));
        Assert.Equal([Reply("a", granted), Reply("b", granted)], Take());
    }

    [Fact]
    public void The_same_request_sent_again_while_the_usage_runs_is_granted_when_the_row_says_so()
    {
        Load(2);
        Lend(1);
        Activate(1);
        Assert.Equal([new PoolEffect.LookUpUsage(Make.Usage(1))], Take());
        LookedUp(1, Make.Row(Make.Open(0, 1, 1)));
        Assert.Equal([Reply("1", new PoolAnswer.Granted(Make.Open(0, 1, 1)))], Take());
        Assert.Equal((1, 1, 0, 0), Books());
    }

    [Fact]
    public void The_same_request_sent_again_after_the_row_was_closed_is_reused_and_the_token_is_free()
    {
        Load(2);
        Lend(1);
        Activate(1);
        Take();
        LookedUp(1, Make.Row(Make.Ended(0, 1, 1)));
        Assert.Equal([Reply("1", new PoolAnswer.UsageIdReused())], Take());
        Assert.Equal((2, 0, 0, 0), Books());
    }

    [Fact]
    public void The_same_request_sent_again_is_not_granted_what_is_past_its_time()
    {
        Load(2);
        Lend(1);
        Activate(1);
        Take();
        LookedUp(1, Make.Overdue(Make.Open(0, 1, 1)));
        Assert.Equal([Reply("1", new PoolAnswer.UsageIdReused())], Take());
    }

    [Fact]
    public void The_same_request_sent_again_stays_open_when_the_ledger_does_not_answer()
    {
        Load(2);
        Lend(1);
        Activate(1);
        Take();
        _pool.UsageLookedUp(Make.Usage(1), answered: false, row: null, _now);
        Assert.Equal([Reply("1", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
        Assert.Equal((1, 1, 0, 0), Books());
    }

    [Fact]
    public void A_usage_id_of_another_users_running_usage_is_reused()
    {
        Load(2);
        Lend(1);
        Activate(1, user: 2);
        Assert.Equal([Reply("1", new PoolAnswer.UsageIdReused())], Take());
    }

    [Fact]
    public void A_usage_id_of_another_users_activation_is_reused()
    {
        Load(2);
        Activate(1);
        Take();
        Activate(1, user: 2);
        Assert.Equal([Reply("1", new PoolAnswer.UsageIdReused())], Take());
    }

    [Fact]
    public void A_user_with_a_token_is_refused_a_second_one()
    {
        Load(2);
        Lend(1);
        Activate(2, user: 1);
        Assert.Equal([Reply("2", new PoolAnswer.UserAlreadyActive())], Take());
    }

    [Fact]
    public void A_second_request_of_a_user_waits_for_the_outcome_of_the_first()
    {
        Load(2);
        Activate(1);
        Activate(2, user: 1);
        Assert.Equal([Ask(0, 1)], Take());
        Grant(0, 1, 1);
        Assert.Equal(
            [Reply("1", new PoolAnswer.Granted(Make.Open(0, 1, 1))), Reply("2", new PoolAnswer.UserAlreadyActive())],
            Take());
    }

    [Fact]
    public void A_second_request_of_a_user_is_tried_when_the_first_one_failed()
    {
        Load(2);
        Activate(1);
        Activate(2, user: 1);
        Take();
        Answer(new TokenAnswer.Failed(Make.Token(0), Make.Usage(1), OutcomeUnknown: false));
        Assert.Equal(
            [new PoolEffect.CheckLedger(), Reply("1", new PoolAnswer.Unavailable(OutcomeUnknown: false))], Take());
        _pool.LedgerChecked(answers: true, _now);
        Assert.Equal([Ask(1, 2, user: 1)], Take());
    }

    [Fact]
    public void An_exhausted_pool_says_when_the_first_token_is_due()
    {
        Load(1);
        Lend(1);
        _now += 20 * Second;
        Activate(2);
        Assert.Equal([Reply("2", new PoolAnswer.Exhausted(Make.Lease - (20 * Second)))], Take());
    }

    [Fact]
    public void A_pool_that_is_only_promised_names_the_whole_lease()
    {
        Load(1);
        Activate(1);
        Take();
        Activate(2);
        Assert.Equal([Reply("2", new PoolAnswer.Exhausted(Make.Lease))], Take());
    }

    [Fact]
    public void Nobody_is_told_that_the_pool_is_exhausted_while_no_outcome_is_known()
    {
        Load(1);
        Activate(1);
        Answer(new TokenAnswer.Failed(Make.Token(0), Make.Usage(1), OutcomeUnknown: true));
        _pool.LedgerChecked(answers: true, _now);
        Take();
        Activate(2);
        Assert.Equal([Reply("2", new PoolAnswer.Unavailable(OutcomeUnknown: false))], Take());
    }

    // ---- what tokens refuse

    [Fact]
    public void A_token_that_is_in_use_after_all_is_learned_and_the_next_one_is_asked()
    {
        Load(2);
        Activate(1);
        Take();
        Answer(new TokenAnswer.TokenInUse(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(0, 3, 9))));
        Assert.Equal([Ask(1, 1)], Take());
        Assert.Equal((0, 1, 1, 1), Books());
    }

    [Fact]
    public void A_request_is_refused_when_every_token_turns_out_to_be_in_use()
    {
        Load(1);
        Activate(1);
        Take();
        Answer(new TokenAnswer.TokenInUse(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(0, 3, 9))));
        Assert.Equal([Reply("1", new PoolAnswer.Exhausted(Make.Lease))], Take());
    }

    [Fact]
    public void A_token_that_remembers_an_older_usage_than_the_pool_is_woken_and_the_next_one_is_asked()
    {
        _pool.Load(new PoolImage(2, [new PoolToken(Make.Token(0), 0, 5, Open: null), Known(1)]), _now);
        Activate(1);
        Take();
        Answer(new TokenAnswer.TokenInUse(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(0, 4, 9))));
        Assert.Equal([Wake(0), Ask(1, 1)], Take());
        Assert.Equal((1, 0, 1, 1), Books());
    }

    [Fact]
    public void The_only_free_token_is_woken_when_it_remembers_an_older_usage_and_asked_again_a_moment_later()
    {
        _pool.Load(new PoolImage(1, [new PoolToken(Make.Token(0), 0, 5, Open: null)]), _now);
        Activate(1);
        Take();
        Answer(new TokenAnswer.TokenInUse(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(0, 4, 9))));
        Assert.Equal([Wake(0)], Take());
        Assert.Equal((1, 0, 0, 1), Books());
        Tick(TimeSpan.FromMilliseconds(24));
        Assert.Empty(Take());
        Tick(TimeSpan.FromMilliseconds(1));
        Assert.Equal([Ask(0, 1)], Take());
        Grant(0, 6, 1);
        Assert.Equal([Reply("1", new PoolAnswer.Granted(Make.Open(0, 6, 1)))], Take());
    }

    [Fact]
    public void A_user_that_holds_a_token_unknown_to_the_pool_is_refused_and_both_tokens_are_put_right()
    {
        Load(2);
        Activate(1);
        Take();
        var other = Make.Open(1, 1, 9) with { UserId = Make.User(1) };
        Answer(new TokenAnswer.UserHolds(Make.Token(0), Make.Usage(1), Make.Row(other)));
        Assert.Equal([Reply("1", new PoolAnswer.UserAlreadyActive())], Take());
        Assert.Equal((1, 1, 0, 0), Books());
    }

    [Fact]
    public void A_user_whose_row_is_overdue_is_woken_and_tried_again()
    {
        Load(2);
        Activate(1);
        Take();
        var other = Make.Open(1, 1, 9) with { UserId = Make.User(1) };
        Answer(new TokenAnswer.UserHolds(Make.Token(0), Make.Usage(1), Make.Overdue(other)));
        Assert.Empty(Take());

        Tick(TimeSpan.FromMilliseconds(25));
        Assert.Contains(Wake(1), Take());
        Answer(new TokenAnswer.Standing(Make.Token(1), 1, null));
        Tick(TimeSpan.FromMilliseconds(25));
        Assert.Equal([Ask(0, 1)], Take());
        Grant(0, 1, 1);
        Assert.Equal([Reply("1", new PoolAnswer.Granted(Make.Open(0, 1, 1)))], Take());
    }

    [Fact]
    public void A_user_whose_lease_is_over_in_the_books_is_not_refused_but_waits_for_the_release()
    {
        Load(1);
        Lend(1);
        _now += Make.Lease;
        Activate(2, user: 1);
        Tick(TimeSpan.Zero);
        Assert.Equal([Wake(0)], Take());
        Answer(new TokenAnswer.Standing(Make.Token(0), 1, null));
        Tick(TimeSpan.FromMilliseconds(25));
        Assert.Equal([Ask(0, 2, user: 1)], Take());
    }

    [Fact]
    public void A_user_that_waits_for_an_overdue_release_does_not_wake_its_token_at_every_tick()
    {
        Load(1);
        Lend(1);
        _now += Make.Lease;
        Activate(2, user: 1);
        var wakes = 0;
        for (var i = 0; i < 40; i++)
        {
            Tick(TimeSpan.FromMilliseconds(25));
            wakes += Take().Count(effect => effect == Wake(0));
        }

        Assert.InRange(wakes, 1, 2);
    }

    [Fact]
    public void A_user_whose_overdue_token_is_not_released_in_time_is_refused_in_the_end()
    {
        Load(1);
        Lend(1);
        _now += Make.Lease;
        Activate(2, user: 1);
        Take();
        Tick(PoolDecider.CallerPatience);
        Assert.Contains(Reply("2", new PoolAnswer.UserAlreadyActive()), Take());
        Assert.Equal((0, 1, 0, 0), Books());
    }

    [Fact]
    public void A_usage_id_that_names_an_ended_usage_is_reused()
    {
        Load(2);
        Activate(1);
        Take();
        Answer(new TokenAnswer.UsageIdTaken(Make.Token(0), Make.Usage(1), Make.Row(Make.Ended(0, 1, 1))));
        Assert.Equal([Reply("1", new PoolAnswer.UsageIdReused())], Take());
        Assert.Equal((2, 0, 0, 0), Books());
    }

    [Fact]
    public void A_usage_id_that_names_another_users_usage_is_reused()
    {
        Load(2);
        Activate(1, user: 2);
        Take();
        Answer(new TokenAnswer.UsageIdTaken(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(1, 1, 1))));
        Assert.Equal([Reply("1", new PoolAnswer.UsageIdReused())], Take());
        Assert.Equal((1, 1, 0, 0), Books());
    }

    [Fact]
    public void A_usage_id_that_names_the_callers_own_grant_on_another_token_is_answered_by_that_token()
    {
        Load(2);
        Activate(1);
        Take();
        Answer(new TokenAnswer.UsageIdTaken(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(1, 1, 1))));
        Assert.Equal([Ask(1, 1)], Take());
        Grant(1, 1, 1);
        Assert.Equal([Reply("1", new PoolAnswer.Granted(Make.Open(1, 1, 1)))], Take());
    }

    [Fact]
    public void A_grant_whose_row_was_seen_is_never_said_to_be_none()
    {
        Load(2);
        Activate(1);
        Answer(new TokenAnswer.UsageIdTaken(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(1, 1, 1))));
        Take();
        Answer(new TokenAnswer.Failed(Make.Token(1), Make.Usage(1), OutcomeUnknown: false));
        Assert.Equal([new PoolEffect.CheckLedger()], Take());
        Tick(PoolDecider.CallerPatience);
        Assert.Equal([Reply("1", new PoolAnswer.Unavailable(OutcomeUnknown: true)), Ask(1, 1)], Take());
    }

    [Fact]
    public void A_usage_id_on_a_token_that_this_pool_does_not_know_leads_to_a_reload()
    {
        Load(2);
        Activate(1);
        Take();
        Answer(new TokenAnswer.UsageIdTaken(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(7, 1, 1))));
        Assert.Equal(
            [new PoolEffect.Reload(), Reply("1", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
        Assert.Equal((2, 0, 0, 0), Books());
    }

    [Fact]
    public void A_request_that_surely_failed_frees_its_token_and_user()
    {
        Load(1);
        Activate(1);
        Take();
        Answer(new TokenAnswer.Failed(Make.Token(0), Make.Usage(1), OutcomeUnknown: false));
        Assert.Contains(Reply("1", new PoolAnswer.Unavailable(OutcomeUnknown: false)), Take());
        Assert.Equal((1, 0, 0, 0), Books());
    }

    [Fact]
    public void A_request_of_unknown_outcome_keeps_its_token_and_is_asked_again_until_it_is_known()
    {
        Load(1);
        Activate(1);
        Take();
        for (var i = 0; i < 12; i++)
        {
            Answer(new TokenAnswer.Failed(Make.Token(0), Make.Usage(1), OutcomeUnknown: i % 2 == 0));
            Take();
            Tick(2 * Second);
            Assert.Contains(Ask(0, 1), Take());
            Assert.Equal((0, 0, 1), (Books().Free, Books().Active, Books().Reserved));
        }

        Grant(0, 1, 1);
        Assert.Equal((0, 1, 0, 0), Books());
    }

    [Fact]
    public void Asks_are_spaced_further_and_further_apart_up_to_two_seconds()
    {
        Load(1);
        Activate(1);
        Take();
        var expected = TimeSpan.FromMilliseconds(25);
        for (var i = 0; i < 10; i++)
        {
            Answer(new TokenAnswer.Failed(Make.Token(0), Make.Usage(1), OutcomeUnknown: true));
            Tick(expected - TimeSpan.FromTicks(1));
            Assert.DoesNotContain(Ask(0, 1), Take());
            Tick(TimeSpan.FromTicks(1));
            Assert.Contains(Ask(0, 1), Take());
            expected = expected * 2 < 2 * Second ? expected * 2 : 2 * Second;
        }
    }

    [Fact]
    public void No_answer_is_an_unknown_outcome_the_ask_is_repeated_and_the_ledger_is_checked()
    {
        Load(1);
        Activate(1);
        Take();
        Tick(1.1 * Second);
        Assert.Equal([new PoolEffect.CheckLedger(), Ask(0, 1)], Take());
        Tick(3 * Second);
        Assert.Contains(Reply("1", new PoolAnswer.Unavailable(OutcomeUnknown: true)), Take());
        Assert.Equal((0, 0, 1, 0), Books());
    }

    [Fact]
    public void An_activation_that_nobody_waits_for_any_more_ends_with_what_its_row_says()
    {
        foreach (var row in new[] { null, Make.Row(Make.Open(0, 1, 1)), Make.Row(Make.Ended(0, 1, 1)) })
        {
            _pool = new PoolDecider(new PoolSettings { Size = 1 });
            Load(1);
            Activate(1);
            Tick(2 * Second);
            Tick(PoolDecider.CallerPatience);
            Assert.Contains(Reply("1", new PoolAnswer.Unavailable(OutcomeUnknown: true)), Take());
            Tick(3.5 * Second);
            Assert.DoesNotContain(new PoolEffect.LookUpUsage(Make.Usage(1)), Take());
            Tick(3 * Second);
            Assert.Equal([Ask(0, 1), new PoolEffect.LookUpUsage(Make.Usage(1))], Take());
            Assert.Equal((0, 0, 1, 0), Books());

            _pool.UsageLookedUp(Make.Usage(1), answered: false, row: null, _now);
            Assert.Equal((0, 0, 1, 0), Books());
            LookedUp(1, row);
            Assert.Empty(Take());
            Assert.Equal(row is { Usage.IsOpen: true } ? (0, 1, 0, 0) : (1, 0, 0, 0), Books());

            _pool.LedgerChecked(answers: true, _now);
            Activate(2, user: 1);
            Assert.Equal(
                row is { Usage.IsOpen: true } ? Reply("2", new PoolAnswer.UserAlreadyActive()) : Ask(0, 2, user: 1),
                Assert.Single(Take()));
        }
    }

    [Fact]
    public void A_follower_is_told_after_its_patience_that_nothing_was_granted_to_it()
    {
        Load(1);
        Activate(1);
        Activate(2, user: 1);
        Take();
        Tick(PoolDecider.CallerPatience);
        Assert.Contains(Reply("2", new PoolAnswer.Unavailable(OutcomeUnknown: false)), Take());
    }

    // ---- the ledger in doubt

    [Fact]
    public void Requests_are_held_back_while_the_ledger_is_in_doubt_and_go_on_when_it_answers()
    {
        Load(2);
        Doubt();
        Activate(2);
        Assert.Empty(Take());
        Assert.Equal(1, Books().Waiting);
        _pool.LedgerChecked(answers: true, _now);
        Assert.Equal([Ask(1, 2)], Take());
    }

    [Fact]
    public void Requests_that_were_held_back_are_refused_when_the_ledger_does_not_answer()
    {
        Load(2);
        Doubt();
        Activate(2);
        _pool.LedgerChecked(answers: false, _now);
        Assert.Equal([Reply("2", new PoolAnswer.Unavailable(OutcomeUnknown: false))], Take());
        Activate(3);
        Assert.Empty(Take());
    }

    [Fact]
    public void A_request_that_was_held_back_too_long_is_refused_rather_than_carried_out()
    {
        Load(2);
        Doubt();
        Activate(2);
        _now += PoolDecider.CallerPatience;
        _pool.LedgerChecked(answers: true, _now);
        Assert.Equal([Reply("2", new PoolAnswer.Unavailable(OutcomeUnknown: false))], Take());
    }

    [Fact]
    public void What_the_books_know_for_certain_is_answered_even_while_the_ledger_is_in_doubt()
    {
        Load(3);
        Lend(1);
        Activate(9);
        Answer(new TokenAnswer.Failed(Make.Token(1), Make.Usage(9), OutcomeUnknown: false));
        Take();
        Activate(1);
        Activate(2, user: 1);
        Activate(1, user: 2, from: "stranger");
        Assert.Equal(
            [
                new PoolEffect.LookUpUsage(Make.Usage(1)),
                Reply("2", new PoolAnswer.UserAlreadyActive()),
                Reply("stranger", new PoolAnswer.UsageIdReused()),
            ],
            Take());
        LookedUp(1, Make.Row(Make.Open(0, 1, 1)));
        Assert.Equal([Reply("1", new PoolAnswer.Granted(Make.Open(0, 1, 1)))], Take());
    }

    // ---- usage ids that callers chose

    [Fact]
    public void A_refusal_under_a_callers_own_usage_id_first_asks_the_ledger_what_the_id_stands_for()
    {
        Load(1);
        Lend(1);
        Activate(2, chosen: true);
        Assert.Equal([new PoolEffect.LookUpUsage(Make.Usage(2))], Take());
        _pool.UsageLookedUp(Make.Usage(2), answered: true, row: null, _now);
        Assert.Equal([Reply("2", new PoolAnswer.Exhausted(Make.Lease))], Take());
        Assert.Equal(0, Books().Waiting);
    }

    [Fact]
    public void Requests_for_one_usage_id_share_a_look_up_and_each_gets_its_own_answer()
    {
        Load(1);
        Lend(1);
        Activate(2, chosen: true, from: "a");
        Activate(2, chosen: true, user: 1, from: "b");
        Assert.Equal([new PoolEffect.LookUpUsage(Make.Usage(2))], Take());
        _pool.UsageLookedUp(Make.Usage(2), answered: true, row: null, _now);
        Assert.Equal(
            [Reply("a", new PoolAnswer.Exhausted(Make.Lease)), Reply("b", new PoolAnswer.UserAlreadyActive())], Take());
    }

    [Fact]
    public void A_chosen_usage_id_whose_usage_ended_is_reused_whatever_the_refusal_was()
    {
        Load(1);
        Lend(1);
        Activate(2, chosen: true);
        Take();
        _pool.UsageLookedUp(Make.Usage(2), answered: true, Make.Row(Make.Ended(0, 0, 2)), _now);
        Assert.Equal([Reply("2", new PoolAnswer.UsageIdReused())], Take());
    }

    [Fact]
    public void A_chosen_usage_id_that_runs_unknown_to_the_pool_is_granted()
    {
        Load(2);
        Lend(1, 2);
        Activate(3, chosen: true);
        Take();
        _pool.UsageLookedUp(Make.Usage(3), answered: true, Make.Row(Make.Open(1, 2, 3)), _now);
        Assert.Equal([Reply("3", new PoolAnswer.Granted(Make.Open(1, 2, 3)))], Take());
    }

    [Fact]
    public void A_running_usage_that_the_books_do_not_believe_is_answered_by_its_token()
    {
        Load(1);
        Answer(new TokenAnswer.Standing(Make.Token(0), 5, Make.Row(Make.Open(0, 5, 5))));
        Activate(3, chosen: true);
        Take();
        _pool.UsageLookedUp(Make.Usage(3), answered: true, Make.Row(Make.Open(0, 4, 3)), _now);
        Assert.Equal([Ask(0, 3)], Take());
    }

    [Fact]
    public void A_look_up_that_two_users_wait_for_is_survived_whatever_it_says()
    {
        Load(2);
        Lend(1);
        Activate(3, user: 1, chosen: true, from: "holder");
        Activate(3, user: 2, from: "stranger");
        Take();
        Answer(new TokenAnswer.Standing(Make.Token(0), 5, null));
        _pool.UsageLookedUp(
            Make.Usage(3), answered: true, Make.Row(Make.Open(0, 4, 3) with { UserId = Make.User(1) }), _now);
        Assert.Equal([Reply("holder", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
    }

    [Fact]
    public void A_refusal_that_waited_for_its_look_up_joins_the_same_request_that_began_meanwhile()
    {
        Load(1);
        Lend(1);
        Activate(2, chosen: true, from: "first");
        Answer(new TokenAnswer.Standing(Make.Token(0), 1, null));
        Activate(2, chosen: true, from: "again");
        Take();
        _pool.UsageLookedUp(Make.Usage(2), answered: true, row: null, _now);
        Assert.Empty(Take());
        Grant(0, 2, 2);
        Assert.Equal(2, Take().Count(effect => effect is PoolEffect.Reply { Answer: PoolAnswer.Granted }));
    }

    [Fact]
    public void A_look_up_that_fails_leaves_the_outcome_unknown()
    {
        Load(1);
        Lend(1);
        Activate(2, chosen: true);
        Take();
        _pool.UsageLookedUp(Make.Usage(2), answered: false, row: null, _now);
        Assert.Equal([Reply("2", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
    }

    [Fact]
    public void An_answer_to_a_look_up_that_nobody_waits_for_is_nothing()
    {
        Load(1);
        _pool.UsageLookedUp(Make.Usage(2), answered: true, row: null, _now);
        Assert.Empty(Take());
    }

    // ---- the bound

    [Fact]
    public void No_more_than_the_configured_number_of_requests_wait()
    {
        _pool = new PoolDecider(new PoolSettings { Size = 4, MaxWaiting = 2 });
        Load(4);
        Activate(1);
        Activate(2);
        Take();
        Activate(3);
        _pool.ReleaseToken(new PoolRequest.ReleaseToken(Make.Token(0), Make.Usage(9)), "release", _now);
        Assert.Equal(
            [
                Reply("3", new PoolAnswer.Unavailable(OutcomeUnknown: false)),
                Reply("release", new PoolAnswer.Unavailable(OutcomeUnknown: false)),
            ],
            Take());
        Assert.Equal(2, Books().Waiting);
    }

    [Fact]
    public void A_full_pool_still_answers_what_it_knows()
    {
        _pool = new PoolDecider(new PoolSettings { Size = 3, MaxWaiting = 1 });
        Load(3);
        Lend(1);
        Activate(2);
        Take();
        Activate(1, user: 2);
        Activate(3, user: 1);
        Assert.Equal(
            [
                Reply("1", new PoolAnswer.UsageIdReused()),
                Reply("3", new PoolAnswer.Unavailable(OutcomeUnknown: false)),
            ],
            Take());
    }

    [Fact]
    public void A_full_pool_leaves_open_what_became_of_a_running_usage()
    {
        _pool = new PoolDecider(new PoolSettings { Size = 3, MaxWaiting = 1 });
        Load(3);
        Lend(1);
        Activate(2);
        Take();
        Activate(1);
        Assert.Equal([Reply("1", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
        Assert.Equal(1, Books().Waiting);
    }

    [Fact]
    public void A_full_pool_leaves_open_what_becomes_of_a_usage_id_that_a_token_was_asked_for()
    {
        _pool = new PoolDecider(new PoolSettings { Size = 3, MaxWaiting = 1 });
        Load(3);
        Activate(1, from: "first");
        Take();
        Activate(1, from: "again");
        Assert.Equal([Reply("again", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
        Grant(0, 1, 1);
        Assert.Equal([Reply("first", new PoolAnswer.Granted(Make.Open(0, 1, 1)))], Take());
    }

    // ---- release

    [Fact]
    public void A_holder_gets_the_end_that_the_token_says()
    {
        Load(1);
        Lend(1);
        Release(0, 1);
        Assert.Equal([Close(0, 1)], Take());
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 1, 1)));
        Assert.Equal([Reply("r1", new PoolAnswer.Ended(Make.Ended(0, 1, 1)))], Take());
        Assert.Equal((1, 0, 0, 0), Books());
    }

    [Fact]
    public void A_release_sent_twice_is_asked_once_and_answered_twice()
    {
        Load(1);
        Lend(1);
        Release(0, 1);
        Release(0, 1);
        Assert.Equal([Close(0, 1)], Take());
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 1, 1)));
        Assert.Equal(2, Take().OfType<PoolEffect.Reply>().Count());
    }

    [Fact]
    public void A_release_of_an_unknown_token_is_not_found()
    {
        Load(1);
        Release(7, 1);
        Assert.Equal([Reply("r1", new PoolAnswer.TokenNotFound())], Take());
    }

    [Fact]
    public void A_release_of_a_usage_that_another_token_has_is_a_mismatch()
    {
        Load(2);
        Lend(1);
        Release(1, 1);
        Assert.Equal([Reply("r1", new PoolAnswer.UsageMismatch())], Take());
    }

    [Fact]
    public void A_release_of_a_usage_that_was_never_the_tokens_is_a_mismatch()
    {
        Load(1);
        Release(0, 9);
        Take();
        Answer(new TokenAnswer.NotMine(Make.Token(0), Make.Usage(9)));
        Assert.Equal([Reply("r9", new PoolAnswer.UsageMismatch())], Take());
    }

    [Fact]
    public void A_release_that_fails_is_asked_again_and_its_caller_is_told_in_time_that_nobody_knows()
    {
        Load(1);
        Lend(1);
        Release(0, 1);
        Take();
        Answer(new TokenAnswer.Failed(Make.Token(0), Make.Usage(1), OutcomeUnknown: false));
        Take();
        Tick(TimeSpan.FromMilliseconds(25));
        Assert.Equal([Close(0, 1)], Take());
        Tick(PoolDecider.CallerPatience);
        Assert.Equal([Reply("r1", new PoolAnswer.Unavailable(OutcomeUnknown: true)), Close(0, 1)], Take());
        Assert.Equal((0, 1, 0, 0), Books());
    }

    [Fact]
    public void A_release_that_fails_says_nothing_of_an_activation_of_the_same_usage()
    {
        Load(1);
        Activate(1);
        Release(0, 1);
        Answer(new TokenAnswer.Failed(Make.Token(0), Make.Usage(1), OutcomeUnknown: false));
        Assert.DoesNotContain(Take(), effect => effect is PoolEffect.Reply);
        Assert.Equal((0, 0, 1, 2), Books());
    }

    [Fact]
    public void A_release_of_a_usage_that_is_not_known_is_refused_while_the_ledger_is_away()
    {
        Load(2);
        Activate(1);
        Grant(0, 1, 1);
        Activate(1000);
        Answer(new TokenAnswer.Failed(Make.Token(1), Make.Usage(1000), OutcomeUnknown: false));
        _pool.LedgerChecked(answers: false, _now);
        Take();
        Release(0, 9);
        Assert.Equal([Reply("r9", new PoolAnswer.Unavailable(OutcomeUnknown: false))], Take());
        Release(0, 1);
        Assert.Equal([Close(0, 1)], Take());

        _pool.LedgerChecked(answers: true, _now);
        Release(0, 9);
        Assert.Equal([Close(0, 9)], Take());
    }

    [Fact]
    public void A_release_of_a_usage_that_is_not_known_is_forgotten_with_the_last_that_waits_for_it()
    {
        Load(1);
        Release(0, 9);
        Take();
        Tick(2 * Second);
        Assert.Equal([Close(0, 9)], Take());
        Tick(PoolDecider.CallerPatience);
        Assert.Equal([Reply("r9", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
        Tick(10 * Second);
        Assert.Empty(Take());
        Answer(new TokenAnswer.NotMine(Make.Token(0), Make.Usage(9)));
        Assert.Empty(Take());
        Assert.Equal((1, 0, 0, 0), Books());
    }

    // ---- clear

    [Fact]
    public void A_clear_reads_the_ledger_first_and_ends_what_it_says_runs()
    {
        Load(3);
        Lend(1);
        _pool.ClearTokens("c", _now);
        Assert.Equal([new PoolEffect.Reload()], Take());
        _pool.Load(new PoolImage(3, [Known(0, Make.Open(0, 1, 1)), Known(1, Make.Open(1, 4, 9)), Known(2)]), _now);
        Assert.Equivalent(
            new[] { Close(0, 1, EndReason.Cleared), Close(1, 9, EndReason.Cleared) }, Take(), strict: true);
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 1, 1, EndReason.Cleared)));
        Answer(new TokenAnswer.Ended(Make.Token(1), Make.Ended(1, 4, 9, EndReason.Cleared)));
        Assert.Equal([Reply("c", new PoolAnswer.Cleared(2))], Take());
        Assert.Equal((3, 0, 0, 0), Books());
    }

    [Fact]
    public void A_clear_that_cannot_read_the_ledger_gives_up_and_ends_nothing_later()
    {
        Load(1);
        Lend(1);
        _pool.ClearTokens("c", _now);
        Take();
        Tick(PoolDecider.CallerPatience - TimeSpan.FromTicks(1));
        Assert.Empty(Take());
        Tick(TimeSpan.FromTicks(1));
        Assert.Equal([Reply("c", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
        Load(1);
        Assert.Empty(Take());
        Assert.Equal((0, 1, 0, 0), Books());
    }

    [Fact]
    public void Clearing_an_idle_pool_counts_nothing()
    {
        Load(2);
        _pool.ClearTokens("c", _now);
        Assert.Equal([new PoolEffect.Reload()], Take());
        Load(2);
        Assert.Equal([Reply("c", new PoolAnswer.Cleared(0))], Take());
        Assert.Equal(0, Books().Waiting);
    }

    [Fact]
    public void A_clear_counts_what_it_ended_and_not_what_ended_otherwise()
    {
        Load(3);
        Lend(1, 2, 3);
        Clear("c", size: 3);
        Assert.Equal(
            [Close(0, 1, EndReason.Cleared), Close(1, 2, EndReason.Cleared), Close(2, 3, EndReason.Cleared)], Take());
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 1, 1, EndReason.Cleared)));
        Answer(new TokenAnswer.Ended(Make.Token(1), Make.Ended(1, 1, 2, EndReason.Expired)));
        Assert.Empty(Take());
        Answer(new TokenAnswer.Ended(Make.Token(2), Make.Ended(2, 1, 3, EndReason.Cleared)));
        Assert.Equal([Reply("c", new PoolAnswer.Cleared(2))], Take());
        Assert.Equal((3, 0, 0, 0), Books());
    }

    [Fact]
    public void Clears_that_come_during_a_clear_share_the_next_one()
    {
        Load(1);
        Lend(1);
        _pool.ClearTokens("first", _now);
        _pool.ClearTokens("second", _now);
        _pool.ClearTokens("third", _now);
        Assert.Equal([new PoolEffect.Reload()], Take());
        Load(1);
        Assert.Equal([Close(0, 1, EndReason.Cleared)], Take());
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 1, 1, EndReason.Cleared)));
        Assert.Equal([Reply("first", new PoolAnswer.Cleared(1)), new PoolEffect.Reload()], Take());

        // The next one reads the ledger for itself.
        _pool.Load(new PoolImage(1, [Known(0, Make.Open(0, 2, 2))]), _now);
        Assert.Equal([Close(0, 2, EndReason.Cleared)], Take());
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 2, 2, EndReason.Cleared)));
        Assert.Equal(
            [Reply("second", new PoolAnswer.Cleared(1)), Reply("third", new PoolAnswer.Cleared(0))], Take());
        Assert.Equal(0, Books().Waiting);
    }

    [Fact]
    public void A_clear_ends_only_usages_that_ran_when_it_began()
    {
        Load(300);
        Lend([.. Enumerable.Range(1, 300)]);
        Clear("c", size: 300);
        Assert.Equal(256, Take().Length);

        // The last one is released by its holder and lent on before its turn comes.
        Answer(new TokenAnswer.Standing(Make.Token(299), 1, null));
        Answer(new TokenAnswer.Standing(Make.Token(299), 2, Make.Row(Make.Open(299, 2, 1000))));
        for (var i = 0; i < 299; i++)
            Answer(new TokenAnswer.Ended(Make.Token(i), Make.Ended(i, 1, i + 1, EndReason.Cleared)));
        var effects = Take();
        Assert.DoesNotContain(Close(299, 1000, EndReason.Cleared), effects);
        Assert.Equal(Reply("c", new PoolAnswer.Cleared(299)), effects[^1]);
        Assert.Equal((299, 1, 0, 0), Books());
    }

    [Fact]
    public void A_clear_that_hears_nothing_more_gives_up_but_its_releases_go_on()
    {
        Load(1);
        Lend(1);
        Clear("c", size: 1);
        Assert.Equal([Close(0, 1, EndReason.Cleared)], Take());
        Tick(PoolDecider.CallerPatience);
        var effects = Take();
        Assert.Contains(Reply("c", new PoolAnswer.Unavailable(OutcomeUnknown: true)), effects);
        Assert.Contains(Close(0, 1, EndReason.Cleared), effects);
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 1, 1, EndReason.Cleared)));
        Assert.Empty(Take());
        Clear("d", size: 1);
        Assert.Equal([Reply("d", new PoolAnswer.Cleared(0))], Take());
    }

    // ---- eviction

    [Fact]
    public void An_exhausted_pool_that_evicts_ends_the_longest_held_usage_and_lends_its_token_on()
    {
        Evicting(2);
        Lend(1, 2);
        Activate(3);
        Assert.Equal([Close(0, 1, EndReason.Evicted)], Take());
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 1, 1, EndReason.Evicted)));
        Assert.Equal([Ask(0, 3)], Take());
    }

    [Fact]
    public void Each_request_that_waits_evicts_one_usage()
    {
        Evicting(2);
        Lend(1, 2);
        Activate(3);
        Activate(4);
        Assert.Equal([Close(0, 1, EndReason.Evicted), Close(1, 2, EndReason.Evicted)], Take());
        Answer(new TokenAnswer.Ended(Make.Token(1), Make.Ended(1, 1, 2, EndReason.Evicted)));
        Assert.Equal([Ask(1, 3)], Take());
    }

    [Fact]
    public void A_request_that_waits_for_an_eviction_too_long_is_refused_as_unavailable()
    {
        Evicting(1);
        Lend(1);
        Activate(2);
        Take();
        Tick(PoolDecider.CallerPatience);
        Assert.Contains(Reply("2", new PoolAnswer.Unavailable(OutcomeUnknown: false)), Take());
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 1, 1, EndReason.Evicted)));
        Assert.Empty(Take());
        Assert.Equal((1, 0, 0, 0), Books());
    }

    [Fact]
    public void An_eviction_that_surely_failed_is_dropped_when_nobody_waits_any_more()
    {
        Evicting(1);
        Lend(1);
        Activate(2);
        Tick(PoolDecider.CallerPatience);
        Take();
        Answer(new TokenAnswer.Failed(Make.Token(0), Make.Usage(1), OutcomeUnknown: false));
        Tick(10 * Second);
        Assert.DoesNotContain(Close(0, 1, EndReason.Evicted), Take());

        // The next one that waits starts its own.
        _pool.LedgerChecked(answers: true, _now);
        Activate(3);
        Assert.Equal([Close(0, 1, EndReason.Evicted)], Take());
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void An_eviction_that_failed_goes_on_while_somebody_waits_or_its_outcome_is_unknown(bool waits, bool outcomeUnknown)
    {
        Evicting(1);
        Lend(1);
        Activate(2);
        Tick(waits ? Second : PoolDecider.CallerPatience);
        Take();
        Answer(new TokenAnswer.Failed(Make.Token(0), Make.Usage(1), outcomeUnknown));
        Take();
        Tick(2 * Second);
        Assert.Contains(Close(0, 1, EndReason.Evicted), Take());
    }

    [Fact]
    public void A_pool_that_evicts_evicts_too_when_its_last_free_token_turns_out_to_be_in_use()
    {
        Evicting(1);
        Activate(1);
        Take();
        Answer(new TokenAnswer.TokenInUse(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(0, 3, 9))));
        Assert.Equal([Close(0, 9, EndReason.Evicted)], Take());
    }

    // ---- size

    [Fact]
    public void A_pool_that_grows_lends_its_new_tokens()
    {
        Load(1);
        Lend(1);
        _pool.Sweep(new SweepImage(2, []), _now);
        Assert.Equal([new PoolEffect.Reload()], Take());
        _pool.Load(new PoolImage(2, [Known(0, Make.Open(0, 1, 1)), Known(1)]), _now);
        Activate(2);
        Assert.Equal([Ask(1, 2)], Take());
    }

    [Fact]
    public void A_pool_that_shrinks_retires_its_highest_tokens_each_as_soon_as_it_is_free()
    {
        Load(3);
        Lend(1, 2);
        _pool.Sweep(new SweepImage(1, []), _now);
        Assert.Equal((0, 2, 0, 0), Books());
        Answer(new TokenAnswer.Standing(Make.Token(1), 1, null));
        Assert.Equal((0, 1, 0, 0), Books());
        Answer(new TokenAnswer.Standing(Make.Token(0), 1, null));
        Assert.Equal((1, 0, 0, 0), Books());
        Assert.Equal([Make.Token(0)], _pool.Bucket(0).Tokens.Select(token => token.TokenId));
    }

    [Fact]
    public void A_token_that_was_promised_retires_when_its_activation_fails()
    {
        Load(2);
        Activate(1);
        Activate(2);
        _pool.Sweep(new SweepImage(1, []), _now);
        Answer(new TokenAnswer.Failed(Make.Token(1), Make.Usage(2), OutcomeUnknown: false));
        Assert.Equal((0, 0, 1, 1), Books());
    }

    [Fact]
    public void A_release_of_a_token_that_retires_meanwhile_is_still_answered()
    {
        Load(2);
        Lend(1, 2);
        _pool.Sweep(new SweepImage(1, []), _now);
        Release(1, 2);
        Clear("c", size: 1);
        Take();

        // Its own timer was first, so that the token is gone from the books when it answers.
        Answer(new TokenAnswer.Standing(Make.Token(1), 1, null));
        Answer(new TokenAnswer.Ended(Make.Token(1), Make.Ended(1, 1, 2, EndReason.Expired)));
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 1, 1, EndReason.Cleared)));
        var effects = Take();
        Assert.Contains(Reply("r2", new PoolAnswer.Ended(Make.Ended(1, 1, 2, EndReason.Expired))), effects);
        Assert.Contains(Reply("c", new PoolAnswer.Cleared(1)), effects);
        Tick(10 * Second);
        Assert.Empty(Take());
        Assert.Equal((1, 0, 0, 0), Books());
    }

    [Fact]
    public void An_activation_that_follows_its_usage_to_a_token_that_retires_meanwhile_is_still_answered()
    {
        Load(2);
        _pool.Load(new PoolImage(2, [Known(0), Known(1, Make.Open(1, 2, 9))]), _now);
        Activate(1);
        Answer(new TokenAnswer.UsageIdTaken(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(1, 1, 1))));
        Take();
        _pool.Sweep(new SweepImage(1, []), _now);
        Answer(new TokenAnswer.Standing(Make.Token(1), 2, null));
        Answer(new TokenAnswer.UsageIdTaken(Make.Token(1), Make.Usage(1), Make.Row(Make.Ended(1, 1, 1))));
        Assert.Contains(Reply("1", new PoolAnswer.UsageIdReused()), Take());
        Assert.Equal((1, 0, 0, 0), Books());
    }

    [Fact]
    public void A_token_that_the_pool_does_not_know_leads_to_a_reload()
    {
        Load(1);
        Answer(new TokenAnswer.Standing(Make.Token(7), 1, null));
        Assert.Equal([new PoolEffect.Reload()], Take());
    }

    // ---- loads, sweeps, wakes

    [Fact]
    public void A_pool_that_starts_takes_over_what_the_ledger_says()
    {
        _pool.Load(
            new PoolImage(2, [Known(0, Make.Open(0, 3, 1)), new PoolToken(Make.Token(1), 1, 7, Open: null)]), _now);
        Assert.Equal((1, 1, 0, 0), Books());
        Assert.Equal(Make.Open(0, 3, 1), _pool.Bucket(0).Tokens[0].Current);
        Activate(1);
        Assert.Equal([new PoolEffect.LookUpUsage(Make.Usage(1))], Take());
        LookedUp(1, Make.Row(Make.Open(0, 3, 1)));
        Assert.Equal([Reply("1", new PoolAnswer.Granted(Make.Open(0, 3, 1)))], Take());
    }

    [Fact]
    public void What_is_overdue_when_the_pool_starts_is_woken_at_once_and_then_every_second()
    {
        _pool.Load(new PoolImage(1, [new PoolToken(Make.Token(0), 0, 1, Make.Overdue(Make.Open(0, 1, 1)))]), _now);
        Tick(TimeSpan.Zero);
        Assert.Equal([Wake(0)], Take());
        Tick(0.9 * Second);
        Assert.Empty(Take());
        Tick(0.1 * Second);
        Assert.Equal([Wake(0)], Take());
    }

    [Fact]
    public void A_token_that_does_not_report_its_release_is_woken_a_moment_after_its_deadline()
    {
        Load(1);
        Lend(1);
        Tick(Make.Lease);
        Assert.Empty(Take());
        Tick(0.25 * Second);
        Assert.Equal([Wake(0)], Take());
    }

    [Fact]
    public void A_mass_of_overdue_tokens_is_woken_a_part_at_a_time()
    {
        _pool.Load(
            new PoolImage(
                1200,
                [.. Enumerable.Range(0, 1200).Select(n => new PoolToken(Make.Token(n), n, 1, Make.Overdue(Make.Open(n, 1, n))))]),
            _now);
        Tick(TimeSpan.Zero);
        Assert.Equal(500, Take().Length);
        Tick(TimeSpan.Zero);
        Assert.Equal(500, Take().Length);
        Tick(TimeSpan.Zero);
        Assert.Equal(200, Take().Length);
    }

    [Fact]
    public void A_sweep_wakes_what_the_ledger_says_is_overdue()
    {
        Load(2);
        Lend(1);
        _pool.Sweep(
            new SweepImage(2, [Make.Overdue(Make.Open(0, 1, 1)), Make.Overdue(Make.Open(1, 1, 2))]), _now);
        Tick(0.25 * Second);
        Assert.Equivalent(new[] { Wake(0), Wake(1) }, Take(), strict: true);
        Assert.Equal((0, 2, 0, 0), Books());
    }

    [Fact]
    public void A_sweep_that_finds_a_token_unknown_to_the_pool_reloads()
    {
        Load(1);
        _pool.Sweep(new SweepImage(1, [Make.Overdue(Make.Open(7, 1, 1))]), _now);
        Assert.Equal([new PoolEffect.Reload()], Take());
    }

    [Fact]
    public void What_is_older_than_what_the_pool_believes_changes_nothing()
    {
        Load(1);
        Answer(new TokenAnswer.Standing(Make.Token(0), 5, Make.Row(Make.Open(0, 5, 5))));
        var digest = _pool.Digest(1).Buckets;
        Answer(new TokenAnswer.Standing(Make.Token(0), 4, null));
        Answer(new TokenAnswer.Activated(Make.Token(0), Make.Row(Make.Open(0, 4, 4))));
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 3, 3)));
        _pool.Load(new PoolImage(1, [Known(0, Make.Open(0, 4, 4))]), _now);
        Assert.Equal(digest, _pool.Digest(2).Buckets);
        Assert.Equal((0, 1, 0, 0), Books());
    }

    [Fact]
    public void An_older_belief_about_a_user_is_checked_when_a_newer_one_comes()
    {
        Load(2);
        Lend(1);
        Answer(new TokenAnswer.Standing(
            Make.Token(1), 1, Make.Row(Make.Open(1, 1, 9) with { UserId = Make.User(1) })));
        Tick(TimeSpan.Zero);
        Assert.Equal([Wake(0)], Take());
    }

    [Fact]
    public void An_older_grant_of_a_user_that_is_heard_of_later_does_not_replace_the_newer_one()
    {
        Load(2);
        Answer(new TokenAnswer.Standing(Make.Token(0), 9, Make.Row(Make.Open(0, 9, 1))));
        Answer(new TokenAnswer.Standing(Make.Token(1), 1, Make.Row(Make.Open(1, 1, 9) with { UserId = Make.User(1) })));
        Tick(TimeSpan.Zero);
        Assert.Equal([Wake(1)], Take());
        Answer(new TokenAnswer.Standing(Make.Token(1), 1, null));
        Activate(2, user: 1);
        Assert.Equal([Reply("2", new PoolAnswer.UserAlreadyActive())], Take());
        Assert.Equal((1, 1, 0, 0), Books());
    }

    // ---- what others may know

    [Fact]
    public void Buckets_hold_every_token_in_order_and_the_digest_is_their_sum()
    {
        Load(600);
        Lend(1, 2, 3);
        Assert.Equal([256, 256, 88, 0], Enumerable.Range(0, 4).Select(n => _pool.Bucket(n).Tokens.Count));
        Assert.Empty(_pool.Bucket(-1).Tokens);
        Assert.Equal(
            Enumerable.Range(0, 600), Enumerable.Range(0, 3).SelectMany(n => _pool.Bucket(n).Tokens).Select(t => t.Ordinal));
        Assert.Equal(7, _pool.Digest(7).Round);
        Assert.Equal(Recomputed(), _pool.Digest(7).Buckets);
        Assert.Equal(Make.Open(1, 1, 2), _pool.Bucket(0).Tokens[1].Current);
    }

    [Fact]
    public void The_status_counts_and_names_the_next_release()
    {
        Load(3);
        Assert.Equal(new PoolStatus(3, 3, 0, 0, 0, NextRelease: null), _pool.StatusAt(_now));
        Lend(1);
        Activate(2);
        _now += 5 * Second;
        Assert.Equal(new PoolStatus(3, 1, 1, 1, 1, Make.Lease - (5 * Second)) { InFlight = 1 }, _pool.StatusAt(_now));
        Release(0, 1);
        Assert.Equal(2, _pool.StatusAt(_now).InFlight);
        _now += Make.Lease;
        Assert.Equal(TimeSpan.Zero, _pool.StatusAt(_now).NextRelease);
    }

    // ---- shorthand

    private IEnumerable<ulong> Recomputed() => Enumerable.Range(0, _pool.Digest(0).Buckets.Count).Select(bucket =>
        _pool.Bucket(bucket).Tokens.Aggregate(0UL, (sum, token) => sum + TokenDigest.Mix(token.Ordinal, token.Version)));

    private void Load(int size) => _pool.Load(new PoolImage(size, [.. Enumerable.Range(0, size).Select(n => Known(n))]), _now);

    private void Evicting(int size)
    {
        _pool = new PoolDecider(new PoolSettings { Size = size, WhenExhausted = WhenExhausted.EvictOldest });
        Load(size);
    }

    /// <summary>Lends the next free tokens under these usage ids to the users of the same number.</summary>
    private void Lend(params int[] usages)
    {
        foreach (var usage in usages)
        {
            Activate(usage);
            var ask = (TokenCommand.Activate)Assert.Single(Take().OfType<PoolEffect.TellToken>()).Command;
            var token = _pool.Bucket(0).Tokens.Concat(_pool.Bucket(1).Tokens).First(t => t.TokenId == ask.TokenId).Ordinal;
            Grant(token, 1, usage);
            Take();
        }
    }

    private void Doubt()
    {
        Activate(1000);
        Take();
        Answer(new TokenAnswer.Failed(Make.Token(0), Make.Usage(1000), OutcomeUnknown: false));
        Take();
    }

    private void Activate(int usage, int? user = null, bool chosen = false, string? from = null) => _pool.Activate(
        new PoolRequest.ActivateToken(Make.User(user ?? usage), Make.Usage(usage), chosen), from ?? $"{usage}", _now);

    private void Release(int token, int usage) => _pool.ReleaseToken(
        new PoolRequest.ReleaseToken(Make.Token(token), Make.Usage(usage)), $"r{usage}", _now);

    private void LookedUp(int usage, UsageRow? row) => _pool.UsageLookedUp(Make.Usage(usage), answered: true, row, _now);

    /// <summary>Clears, and the ledger has nothing newer than what the pool knows.</summary>
    private void Clear(string from, int size)
    {
        _pool.ClearTokens(from, _now);
        Assert.Equal(new PoolEffect.Reload(), Take()[^1]);
        Load(size);
    }

    private void Answer(TokenAnswer answer) => _pool.TokenAnswered(answer, _now);

    private void Grant(int token, long fence, int usage) =>
        Answer(new TokenAnswer.Activated(Make.Token(token), Make.Row(Make.Open(token, fence, usage))));

    private void Tick(TimeSpan later)
    {
        _now += later;
        _pool.Tick(_now);
    }

    private PoolEffect[] Take() => _pool.TakeEffects();

    private (int Free, int Active, int Reserved, int Waiting) Books()
    {
        var status = _pool.StatusAt(_now);
        Assert.Equal(status.Total, status.Free + status.Active + status.Reserved);
        Assert.Equal(Recomputed(), _pool.Digest(0).Buckets);
        return (status.Free, status.Active, status.Reserved, status.Waiting);
    }

    private static PoolToken Known(int token, Usage? open = null) =>
        new(Make.Token(token), token, open?.Fence ?? 0, open is null ? null : Make.Row(open));

    private static PoolEffect.Reply Reply(string to, PoolAnswer answer) => new(to, answer);

    private static PoolEffect.TellToken Ask(int token, int usage, int? user = null) => new(
        new TokenCommand.Activate(Make.Token(token), Make.Usage(usage), Make.User(user ?? usage), Make.Lease));

    private static PoolEffect.TellToken Close(int token, int usage, EndReason reason = EndReason.Released) =>
        new(new TokenCommand.Release(Make.Token(token), Make.Usage(usage), reason));

    private static PoolEffect.TellToken Wake(int token) => new(new TokenCommand.Wake(Make.Token(token)));
}
