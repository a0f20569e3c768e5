using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Pool;

public sealed class PoolEvictionTests : PoolFixture
{
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
    public void The_same_request_sent_again_waits_on_when_the_first_caller_has_given_up()
    {
        Evicting(1);
        Lend(1);
        Activate(2, from: "first");
        Tick(Second);
        Activate(2, from: "again");
        Take();
        Tick(PoolDecider.CallerPatience - Second);
        Assert.Contains(Reply("first", new PoolAnswer.Unavailable(OutcomeUnknown: true)), Take());
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 1, 1, EndReason.Evicted)));
        Assert.Equal([Ask(0, 2)], Take());
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
        Pool.LedgerChecked(answers: true, Now);
        Activate(3);
        Assert.Equal([Close(0, 1, EndReason.Evicted)], Take());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_eviction_that_failed_goes_on_while_somebody_waits(bool outcomeUnknown)
    {
        Evicting(1);
        Lend(1);
        Activate(2);
        Tick(Second);
        Take();
        Answer(new TokenAnswer.Failed(Make.Token(0), Make.Usage(1), outcomeUnknown));
        Take();
        Tick(2 * Second);
        Assert.Contains(Close(0, 1, EndReason.Evicted), Take());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_eviction_of_unknown_outcome_is_not_asked_for_again_when_nobody_waits_any_more(bool answered)
    {
        Evicting(1);
        Lend(1);
        Activate(2);
        Tick(PoolDecider.CallerPatience - TimeSpan.FromTicks(1));
        Take();
        Tick(TimeSpan.FromTicks(1));
        Take();
        if (answered)
            Answer(new TokenAnswer.Failed(Make.Token(0), Make.Usage(1), OutcomeUnknown: true));
        Take();
        Tick(3 * Second);

        // What became of it, its token says.
        Assert.Equal([Wake(0)], Take());
        Tick(10 * Second);
        Assert.DoesNotContain(Close(0, 1, EndReason.Evicted), Take());
        Assert.Equal((0, 1, 0, 0), Books());
    }

    [Fact]
    public void Of_two_evictions_one_goes_on_while_one_request_waits()
    {
        Evicting(2);
        Lend(1, 2);
        Activate(3);
        Tick(2 * Second);
        Activate(4);
        Take();
        Tick(PoolDecider.CallerPatience - (2 * Second));
        Take();
        Tick(1.5 * Second);
        Assert.Single(Take().OfType<PoolEffect.TellToken>(), told => told.Command is TokenCommand.Release);
    }

    [Fact]
    public void After_an_absence_nobody_is_served_or_evicted_for_those_who_have_given_up()
    {
        Evicting(1);
        Lend(1);
        Activate(2);
        Take();
        Now += 60 * Second;
        Pool.Load(new PoolImage(1, [Known(0, Make.Open(0, 2, 9))]), Now);
        Assert.Equal([Reply("2", new PoolAnswer.Unavailable(OutcomeUnknown: false))], Take());
        Answer(new TokenAnswer.Standing(Make.Token(0), 2, null));
        Assert.Empty(Take());
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
}
