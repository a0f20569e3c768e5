using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Pool;

public sealed class PoolActivationTests : PoolFixture
{
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

    // Nobody is told that an id is used up, for ever, while the lists still show its usage.
    [Fact]
    public void The_same_request_sent_again_gets_its_grant_until_the_row_has_an_end()
    {
        Load(2);
        Lend(1);
        Activate(1);
        Take();
        LookedUp(1, Make.Overdue(Make.Open(0, 1, 1)));
        Assert.Equal([Reply("1", new PoolAnswer.Granted(Make.Open(0, 1, 1)))], Take());
    }

    [Fact]
    public void The_same_request_sent_again_stays_open_when_the_ledger_does_not_answer()
    {
        Load(2);
        Lend(1);
        Activate(1);
        Take();
        NotLookedUp(1);
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
        Pool.LedgerChecked(answers: true, Now);
        Assert.Equal([Ask(1, 2, user: 1)], Take());
    }

    [Fact]
    public void An_exhausted_pool_says_when_the_first_token_is_due()
    {
        Load(1);
        Lend(1);
        Now += 20 * Second;
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
        Pool.LedgerChecked(answers: true, Now);
        Take();
        Activate(2);
        Assert.Equal([Reply("2", new PoolAnswer.Unavailable(OutcomeUnknown: false))], Take());
    }
}
