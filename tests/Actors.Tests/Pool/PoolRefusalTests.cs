using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Pool;

public sealed class PoolRefusalTests : PoolFixture
{
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
        Pool.Load(new PoolImage(2, [new PoolToken(Make.Token(0), 0, 5, Open: null), Known(1)]), Now);
        Activate(1);
        Take();
        Answer(new TokenAnswer.TokenInUse(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(0, 4, 9))));
        Assert.Equal([Wake(0), Ask(1, 1)], Take());
        Assert.Equal((1, 0, 1, 1), Books());
    }

    [Fact]
    public void The_only_free_token_is_woken_when_it_remembers_an_older_usage_and_asked_again_a_moment_later()
    {
        Pool.Load(new PoolImage(1, [new PoolToken(Make.Token(0), 0, 5, Open: null)]), Now);
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
        Now += Make.Lease;
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
        Now += Make.Lease;
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
        Now += Make.Lease;
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
    public void Who_waited_too_long_for_the_row_of_an_id_is_not_told_that_it_is_used_up_while_its_usage_runs()
    {
        Load(1);
        Lend(5);
        Activate(1, chosen: true);
        Take();
        Now += PoolDecider.CallerPatience;
        LookedUp(1, Make.Row(Make.Open(7, 1, 1)));
        Assert.Equal([Reply("1", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
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
}
