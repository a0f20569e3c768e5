using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Pool;

public sealed class PoolReleaseTests : PoolFixture
{
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
        Pool.LedgerChecked(answers: false, Now);
        Take();
        Release(0, 9);
        Assert.Equal([Reply("r9", new PoolAnswer.Unavailable(OutcomeUnknown: false))], Take());
        Release(0, 1);
        Assert.Equal([Close(0, 1)], Take());

        Pool.LedgerChecked(answers: true, Now);
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
}
