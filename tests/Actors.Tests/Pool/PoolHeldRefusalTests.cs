using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Pool;

/// <summary>A refusal of one ask says nothing of another one that was not answered: the ledger does.</summary>
public sealed class PoolHeldRefusalTests : PoolFixture
{
    // An ask can be carried out for so long, and is seen by everybody a moment later.
    private static readonly TimeSpan AsksLast = Activation.AskLasts + (Second / 2);
    private static readonly PoolEffect LookUp = new PoolEffect.LookUpUsage(Make.Usage(1));

    [Fact]
    public void A_full_pool_refuses_a_request_of_unknown_outcome_only_when_the_ledger_has_nothing_of_it()
    {
        RefusedAsExhausted();
        Assert.Equal([LookUp], Take());
        Assert.Equal((0, 1, 0, 1), Books());
        LookedUpWhenAsksAreOver();
        Assert.Equal([Reply("1", new PoolAnswer.Exhausted(Make.Lease))], Take());
        Assert.Equal((0, 1, 0, 0), Books());
    }

    [Fact]
    public void A_user_that_holds_another_token_is_refused_only_when_the_ledger_has_nothing_of_the_request()
    {
        Load(2);
        AskTwice();
        var other = Make.Open(1, 1, 9) with { UserId = Make.User(1) };
        Answer(new TokenAnswer.UserHolds(Make.Token(0), Make.Usage(1), Make.Row(other)));
        Assert.Equal([LookUp], Take());
        LookedUpWhenAsksAreOver();
        Assert.Equal([Reply("1", new PoolAnswer.UserAlreadyActive())], Take());
        Assert.Equal((1, 1, 0, 0), Books());
    }

    [Fact]
    public void A_request_that_was_carried_out_after_all_is_granted_by_the_token_that_its_row_names()
    {
        RefusedAsExhausted();
        Take();
        LookedUp(1, Make.Row(Make.Open(0, 2, 1)));
        Assert.Equal([Ask(0, 1)], Take());
        Grant(0, 2, 1);
        Assert.Equal([Reply("1", new PoolAnswer.Granted(Make.Open(0, 2, 1)))], Take());
        Assert.Equal((0, 1, 0, 0), Books());
    }

    [Fact]
    public void A_grant_that_is_reported_while_the_ledger_is_asked_is_the_answer()
    {
        RefusedAsExhausted();
        Take();
        Grant(0, 2, 1);
        Assert.Equal([Reply("1", new PoolAnswer.Granted(Make.Open(0, 2, 1)))], Take());
        LookedUp(1, row: null);
        Assert.Empty(Take());
        Assert.Equal((0, 1, 0, 0), Books());
    }

    [Fact]
    public void A_usage_id_whose_row_has_ended_is_reused()
    {
        RefusedAsExhausted();
        Take();
        LookedUp(1, Make.Row(Make.Ended(0, 2, 1)));
        Assert.Equal([Reply("1", new PoolAnswer.UsageIdReused())], Take());
    }

    [Fact]
    public void A_usage_id_whose_row_is_another_users_is_reused()
    {
        RefusedAsExhausted();
        Take();
        LookedUp(1, Make.Row(Make.Open(0, 2, 1) with { UserId = Make.User(7) }));
        Assert.Equal([Reply("1", new PoolAnswer.UsageIdReused())], Take());
    }

    [Fact]
    public void A_row_on_a_token_that_this_pool_does_not_know_leads_to_a_reload()
    {
        RefusedAsExhausted();
        Take();
        LookedUp(1, Make.Row(Make.Open(7, 1, 1)));
        Assert.Equal([new PoolEffect.Reload(), Reply("1", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
    }

    [Fact]
    public void That_the_ledger_has_nothing_counts_when_it_was_asked_after_the_last_ask_can_have_taken_effect()
    {
        RefusedAsExhausted();
        Take();
        LookedUp(1, row: null);
        Tick(AsksLast - TimeSpan.FromTicks(1));
        Assert.DoesNotContain(LookUp, Take());
        var before = Now;
        Tick(TimeSpan.FromTicks(1));
        Assert.Equal([LookUp], Take());
        LookedUp(1, row: null, askedAt: before);
        Assert.Empty(Take());
        LookedUp(1, row: null);
        Assert.Equal([Reply("1", new PoolAnswer.Exhausted(Make.Lease))], Take());
    }

    [Fact]
    public void A_caller_does_not_wait_longer_than_it_can_for_an_ask_to_be_over()
    {
        RefusedAsExhausted();
        LookedUp(1, row: null);
        Take();
        Now += PoolDecider.CallerPatience;
        Tick(TimeSpan.Zero);
        Assert.Equal([Reply("1", new PoolAnswer.Unavailable(OutcomeUnknown: true)), LookUp], Take());
        LookedUp(1, row: null);
        Assert.Empty(Take());
        Assert.Equal(0, Pool.StatusAt(Now).InFlight);
    }

    [Fact]
    public void A_ledger_that_does_not_answer_is_asked_again_until_it_does_and_the_caller_does_not_wait_for_it()
    {
        RefusedAsExhausted();
        Take();
        NotLookedUp(1);
        Assert.Empty(Take());
        Tick(Second / 2);
        Assert.Equal([LookUp], Take());
        Tick(PoolDecider.CallerPatience);
        Assert.Equal([Reply("1", new PoolAnswer.Unavailable(OutcomeUnknown: true)), LookUp], Take());
        NotLookedUp(1);
        Tick(2 * Second);
        Assert.Equal([LookUp], Take());
        LookedUp(1, row: null);
        Tick(5 * Second);
        Assert.DoesNotContain(LookUp, Take());
        Assert.Equal(0, Pool.StatusAt(Now).InFlight);
    }

    [Fact]
    public void Nothing_is_asked_twice_while_the_ledger_may_still_answer()
    {
        RefusedAsExhausted();
        Take();
        for (var i = 0; i < 40; i++)
            Tick(TimeSpan.FromMilliseconds(25));
        Assert.DoesNotContain(LookUp, Take());
    }

    [Fact]
    public void A_token_that_comes_back_meanwhile_is_not_asked_for_what_is_refused_already()
    {
        RefusedAsExhausted();
        Take();
        Answer(new TokenAnswer.Standing(Make.Token(0), 1, null));
        Tick(TimeSpan.FromMilliseconds(25));
        Assert.DoesNotContain(Ask(0, 1), Take());
        Assert.Equal((1, 0, 0, 1), Books());
    }

    [Fact]
    public void The_same_request_sent_again_waits_for_the_look_up_and_is_then_decided_anew()
    {
        RefusedAsExhausted();
        Activate(1, from: "again");
        Assert.Equal([LookUp], Take());
        Pool.LedgerChecked(answers: true, Now);
        Tick(AsksLast);
        Answer(new TokenAnswer.Standing(Make.Token(0), 1, null));
        Take();
        LookedUp(1, row: null);
        Assert.Equal([Reply("1", new PoolAnswer.Exhausted(Make.Lease)), Ask(0, 1)], Take());
    }

    [Fact]
    public void The_same_request_sent_again_hears_after_its_patience_that_nobody_knows()
    {
        RefusedAsExhausted();
        Activate(1, from: "again");
        Take();
        Tick(PoolDecider.CallerPatience);
        var unknown = new PoolAnswer.Unavailable(OutcomeUnknown: true);
        Assert.Equal([Reply("1", unknown), Reply("again", unknown), LookUp], Take());
        Assert.Equal((0, 1, 0, 0), Books());
    }

    [Fact]
    public void The_same_request_sent_again_before_the_refusal_is_tried_for_as_long_as_it_can_wait()
    {
        Evicting(1);
        AskTwice();
        Tick(2 * Second);
        Activate(1, from: "again");
        Tick(1.5 * Second);
        Assert.Contains(Reply("1", new PoolAnswer.Unavailable(OutcomeUnknown: true)), Take());
        Answer(new TokenAnswer.TokenInUse(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(0, 1, 9))));
        Assert.Equal([Close(0, 9, EndReason.Evicted)], Take());
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 1, 9, EndReason.Evicted)));
        Assert.Equal([Ask(0, 1)], Take());
    }

    [Fact]
    public void A_second_request_of_the_user_waits_for_what_the_ledger_says_of_the_first()
    {
        RefusedAsExhausted();
        Activate(2, user: 1);
        Assert.Equal([LookUp], Take());
        Pool.LedgerChecked(answers: true, Now);
        LookedUpWhenAsksAreOver();
        Assert.Equal(
            [Reply("1", new PoolAnswer.Exhausted(Make.Lease)), Reply("2", new PoolAnswer.Exhausted(Make.Lease - AsksLast))],
            Take());
    }

    [Fact]
    public void Who_waits_too_long_for_a_token_after_an_unknown_outcome_is_no_longer_served_and_the_ledger_is_asked()
    {
        Evicting(1);
        AskTwice();
        Answer(new TokenAnswer.TokenInUse(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(0, 1, 9))));
        Assert.Equal([Close(0, 9, EndReason.Evicted)], Take());
        Tick(PoolDecider.CallerPatience);
        var effects = Take();
        Assert.Contains(Reply("1", new PoolAnswer.Unavailable(OutcomeUnknown: true)), effects);
        Assert.Contains(LookUp, effects);
        Answer(new TokenAnswer.Standing(Make.Token(0), 1, null));
        Assert.Empty(Take());
        LookedUp(1, row: null);
        Assert.Equal(0, Pool.StatusAt(Now).InFlight);
        Assert.Equal((1, 0, 0, 0), Books());
    }

    [Fact]
    public void A_token_that_does_not_remember_the_usage_that_it_is_lent_as_is_woken_and_asked_again_a_moment_later()
    {
        RefusedAsExhausted();
        LookedUp(1, Make.Row(Make.Open(0, 2, 1)));
        Take();
        Answer(new TokenAnswer.TokenInUse(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(0, 1, 9))));
        Assert.Equal([Wake(0)], Take());
        Tick(TimeSpan.FromMilliseconds(25));
        Assert.Contains(Ask(0, 1), Take());
    }

    private void LookedUpWhenAsksAreOver()
    {
        Tick(AsksLast);
        Take();
        LookedUp(1, row: null);
    }

    private void RefusedAsExhausted()
    {
        Load(1);
        AskTwice();
        Answer(new TokenAnswer.TokenInUse(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(0, 1, 9))));
    }

    private void AskTwice()
    {
        Activate(1);
        Tick(1.1 * Second);
        Take();
    }
}
