using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Pool;

public sealed class PoolUnknownOutcomeTests : PoolFixture
{
    [Fact]
    public void A_request_of_unknown_outcome_keeps_its_token_and_is_asked_again_until_it_is_known()
    {
        Load(1);
        Activate(1);
        Take();
        for (var i = 0; i < 4; i++)
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
            Pool = new PoolDecider(new PoolSettings { Size = 1 });
            Load(1);
            Activate(1);
            Tick(2 * Second);
            Tick(PoolDecider.CallerPatience);
            Assert.Contains(Reply("1", new PoolAnswer.Unavailable(OutcomeUnknown: true)), Take());
            Tick(3.5 * Second);
            Assert.DoesNotContain(new PoolEffect.LookUpUsage(Make.Usage(1)), Take());
            Tick(3 * Second);
            Assert.Equal([new PoolEffect.LookUpUsage(Make.Usage(1))], Take());
            Assert.Equal((0, 0, 1, 0), Books());

            NotLookedUp(1);
            Assert.Equal((0, 0, 1, 0), Books());
            LookedUp(1, row);
            Assert.Empty(Take());
            Assert.Equal(row is { Usage.IsOpen: true } ? (0, 1, 0, 0) : (1, 0, 0, 0), Books());

            Pool.LedgerChecked(answers: true, Now);
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

    [Fact]
    public void A_follower_that_comes_late_does_not_wait_for_the_patience_of_one_before_it()
    {
        Evicting(1);
        Lend(9);
        Activate(2, user: 1, chosen: true);
        Tick(3 * Second);
        Answer(new TokenAnswer.Standing(Make.Token(0), 1, null));
        Activate(3, user: 1);
        Activate(4, user: 1);
        LookedUp(2, row: null);
        Take();
        Tick(Second);
        Assert.Contains(Reply("2", new PoolAnswer.Unavailable(OutcomeUnknown: false)), Take());
        Assert.Equal((0, 0, 1, 2), Books());
    }

    [Fact]
    public void A_request_that_one_ask_refused_and_another_carried_out_is_granted_and_not_refused_for_its_own_usage()
    {
        Evicting(2);
        Lend(5);
        Activate(1);
        Tick(1.1 * Second);
        Answer(new TokenAnswer.TokenInUse(Make.Token(1), Make.Usage(1), Make.Row(Make.Open(1, 1, 9))));
        Take();
        Pool.Load(
            new PoolImage(2, [new PoolToken(Make.Token(0), 0, 1, Open: null), Known(1, Make.Open(1, 2, 1))]), Now);
        Assert.Equal([Ask(1, 1)], Take());
        Grant(1, 2, 1);
        Assert.Equal([Reply("1", new PoolAnswer.Granted(Make.Open(1, 2, 1)))], Take());
        Assert.Equal((1, 1, 0, 0), Books());
    }
}
