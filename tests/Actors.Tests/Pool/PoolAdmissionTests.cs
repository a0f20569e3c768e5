using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Pool;

public sealed class PoolAdmissionTests : PoolFixture
{
    // ---- the ledger in doubt

    [Fact]
    public void Requests_are_held_back_while_the_ledger_is_in_doubt_and_go_on_when_it_answers()
    {
        Load(2);
        Doubt();
        Activate(2);
        Assert.Empty(Take());
        Assert.Equal(1, Books().Waiting);
        Pool.LedgerChecked(answers: true, Now);
        Assert.Equal([Ask(1, 2)], Take());
    }

    [Fact]
    public void Requests_that_were_held_back_are_refused_when_the_ledger_does_not_answer()
    {
        Load(2);
        Doubt();
        Activate(2);
        Pool.LedgerChecked(answers: false, Now);
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
        Now += PoolDecider.CallerPatience;
        Pool.LedgerChecked(answers: true, Now);
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
        LookedUp(2, row: null);
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
        LookedUp(2, row: null);
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
        LookedUp(2, Make.Row(Make.Ended(0, 0, 2)));
        Assert.Equal([Reply("2", new PoolAnswer.UsageIdReused())], Take());
    }

    [Fact]
    public void A_chosen_usage_id_that_runs_unknown_to_the_pool_is_granted()
    {
        Load(2);
        Lend(1, 2);
        Activate(3, chosen: true);
        Take();
        LookedUp(3, Make.Row(Make.Open(1, 2, 3)));
        Assert.Equal([Reply("3", new PoolAnswer.Granted(Make.Open(1, 2, 3)))], Take());
    }

    [Fact]
    public void A_running_usage_that_the_books_do_not_believe_is_answered_by_its_token()
    {
        Load(1);
        Answer(new TokenAnswer.Standing(Make.Token(0), 5, Make.Row(Make.Open(0, 5, 5))));
        Activate(3, chosen: true);
        Take();
        LookedUp(3, Make.Row(Make.Open(0, 4, 3)));
        Assert.Equal([Ask(0, 3)], Take());
    }

    [Fact]
    public void A_look_up_that_two_users_wait_for_is_survived_whatever_it_says()
    {
        Load(2);
        Lend(1);
        Activate(3, user: 1, chosen: true, from: "holder");
        Activate(3, user: 2, from: "stranger");
        Assert.Equal([new PoolEffect.LookUpUsage(Make.Usage(3))], Take());
        Answer(new TokenAnswer.Standing(Make.Token(0), 5, null));
        LookedUp(3, Make.Row(Make.Open(0, 4, 3) with { UserId = Make.User(1) }));
        Assert.Equal([Reply("stranger", new PoolAnswer.UsageIdReused()), Ask(0, 3, user: 1)], Take());
    }

    [Fact]
    public void A_look_up_that_two_users_wait_for_is_survived_when_one_of_them_has_begun()
    {
        Load(2);
        Activate(3, user: 2);
        var held = Make.Open(1, 1, 3) with { UserId = Make.User(1) };
        Answer(new TokenAnswer.Standing(Make.Token(1), 1, Make.Row(held)));
        Activate(3, user: 1, chosen: true, from: "holder");
        Answer(new TokenAnswer.Standing(Make.Token(1), 1, null));
        Take();
        LookedUp(3, Make.Row(held));
        Assert.Equal([Reply("holder", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
    }

    [Fact]
    public void A_look_up_that_is_older_than_the_grant_that_it_did_not_find_is_made_again()
    {
        var row = LookedUpTooEarly();
        LookedUp(3, row: null);
        Assert.Equal([new PoolEffect.LookUpUsage(Make.Usage(3))], Take());
        LookedUp(3, row);
        Assert.Equal([Reply("again", new PoolAnswer.Granted(row.Usage))], Take());
    }

    [Fact]
    public void Who_has_waited_too_long_for_a_look_up_that_is_older_than_the_grant_is_told_nothing_certain()
    {
        LookedUpTooEarly();
        Now += PoolDecider.CallerPatience;
        LookedUp(3, row: null);
        Assert.Equal([Reply("again", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
    }

    [Fact]
    public void A_pool_that_does_not_know_the_token_of_a_usage_reads_again()
    {
        Load(1);
        Lend(1);
        Activate(3, user: 1, chosen: true, from: "again");
        Answer(new TokenAnswer.Standing(Make.Token(0), 1, null));
        Take();
        LookedUp(3, Make.Row(Make.Open(7, 1, 3) with { UserId = Make.User(1) }));
        Assert.Equal([new PoolEffect.Reload(), Reply("again", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
    }

    [Fact]
    public void Nothing_begins_under_a_usage_id_that_is_being_looked_up_and_who_was_to_be_refused_joins_what_begins_then()
    {
        Load(1);
        Lend(1);
        Activate(2, chosen: true, from: "first");
        Answer(new TokenAnswer.Standing(Make.Token(0), 1, null));
        Activate(2, chosen: true, from: "again");
        Assert.Equal([new PoolEffect.LookUpUsage(Make.Usage(2))], Take());
        LookedUp(2, row: null);
        Assert.Equal([Ask(0, 2)], Take());
        Grant(0, 2, 2);
        Assert.Equal(2, Take().Count(effect => effect is PoolEffect.Reply { Answer: PoolAnswer.Granted }));
    }

    [Fact]
    public void Nobody_is_evicted_for_a_caller_that_has_given_up_when_its_usage_id_turns_out_to_be_new()
    {
        Evicting(1);
        Lend(1);
        Activate(2, chosen: true);
        Take();
        Now += PoolDecider.CallerPatience;
        LookedUp(2, row: null);
        Assert.Equal([Reply("2", new PoolAnswer.Unavailable(OutcomeUnknown: false))], Take());
    }

    [Fact]
    public void A_look_up_that_fails_leaves_the_outcome_unknown()
    {
        Load(1);
        Lend(1);
        Activate(2, chosen: true);
        Take();
        NotLookedUp(2);
        Assert.Equal([Reply("2", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
    }

    [Fact]
    public void An_answer_to_a_look_up_that_nobody_waits_for_is_nothing()
    {
        Load(1);
        LookedUp(2, row: null);
        Assert.Empty(Take());
    }

    // ---- the bound

    [Fact]
    public void No_more_than_the_configured_number_of_requests_wait()
    {
        Pool = new PoolDecider(new PoolSettings { Size = 4, MaxWaiting = 2 });
        Load(4);
        Activate(1);
        Activate(2);
        Take();
        Activate(3);
        Pool.ReleaseToken(new PoolRequest.ReleaseToken(Make.Token(0), Make.Usage(9)), Caller("release"), Now);
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
        Pool = new PoolDecider(new PoolSettings { Size = 3, MaxWaiting = 1 });
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
        Pool = new PoolDecider(new PoolSettings { Size = 3, MaxWaiting = 1 });
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
        Pool = new PoolDecider(new PoolSettings { Size = 3, MaxWaiting = 1 });
        Load(3);
        Activate(1, from: "first");
        Take();
        Activate(1, from: "again");
        Assert.Equal([Reply("again", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
        Grant(0, 1, 1);
        Assert.Equal([Reply("first", new PoolAnswer.Granted(Make.Open(0, 1, 1)))], Take());
    }

    /// <summary>The ledger is asked for a usage, and then the pool hears of it.</summary>
    private UsageRow LookedUpTooEarly()
    {
        Load(2);
        Lend(1);
        Activate(3, user: 1, chosen: true, from: "again");
        Assert.Equal([new PoolEffect.LookUpUsage(Make.Usage(3))], Take());
        var row = Make.Row(Make.Open(1, 1, 3) with { UserId = Make.User(1) });
        Answer(new TokenAnswer.Standing(Make.Token(0), 1, null));
        Answer(new TokenAnswer.Standing(Make.Token(1), 1, row));
        Take();
        return row;
    }
}
