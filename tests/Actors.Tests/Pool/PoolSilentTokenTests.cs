using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Pool;

public sealed class PoolSilentTokenTests : PoolFixture
{
    private static readonly TimeSpan UntilSilent = TimeSpan.FromSeconds(1.025);

    [Fact]
    public void Another_token_is_asked_when_one_keeps_silent_and_the_ledger_answers()
    {
        Load(3);
        Activate(1);
        Take();
        Tick(UntilSilent - TimeSpan.FromTicks(1));
        Pool.LedgerChecked(answers: true, Now);
        Assert.Empty(Take());
        Tick(TimeSpan.FromTicks(1));
        Assert.Equal([new PoolEffect.CheckLedger(), Ask(0, 1)], Take());
        Pool.LedgerChecked(answers: true, Now);
        Assert.Equal([Ask(2, 1)], Take());
        Assert.Equal((2, 0, 1, 1), Books());
        Grant(2, 1, 1);
        Assert.Equal([Reply("1", new PoolAnswer.Granted(Make.Open(2, 1, 1)))], Take());
        Assert.Equal((2, 1, 0, 0), Books());
    }

    [Fact]
    public void The_token_that_was_heard_of_last_is_asked_next()
    {
        Load(3);
        Lend(1, 2, 3);
        Answer(new TokenAnswer.Standing(Make.Token(2), 1, null));
        Answer(new TokenAnswer.Standing(Make.Token(1), 1, null));
        Answer(new TokenAnswer.Standing(Make.Token(0), 1, null));
        Activate(4);
        KeepSilent();
        Assert.Equal([Ask(0, 4)], Take());
    }

    [Fact]
    public void No_other_token_is_asked_while_the_ledger_does_not_answer()
    {
        Load(3);
        Activate(1);
        Take();
        Tick(UntilSilent);
        Take();
        Pool.LedgerChecked(answers: false, Now);
        Tick(2 * Second);
        Assert.Equal([Ask(0, 1)], Take());
        Pool.LedgerChecked(answers: true, Now);
        Assert.Equal([Ask(2, 1)], Take());
    }

    [Fact]
    public void A_token_that_says_that_it_failed_is_not_silent()
    {
        Load(3);
        Activate(1);
        Take();
        Tick(UntilSilent);
        Answer(new TokenAnswer.Failed(Make.Token(0), Make.Usage(1), OutcomeUnknown: true));
        Take();
        Pool.LedgerChecked(answers: true, Now);
        Assert.Empty(Take());
        Tick(Second);
        Assert.Equal([Ask(0, 1)], Take().OfType<PoolEffect.TellToken>());
    }

    [Fact]
    public void The_token_whose_row_has_the_usage_is_asked_however_long_it_keeps_silent()
    {
        Load(3);
        Activate(1);
        Take();
        Answer(new TokenAnswer.UsageIdTaken(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(1, 1, 1))));
        Assert.Equal([Ask(1, 1)], Take());
        Tick(2 * Second);
        Pool.LedgerChecked(answers: true, Now);
        Assert.Equal([Ask(1, 1)], Take().OfType<PoolEffect.TellToken>());
    }

    [Fact]
    public void A_silent_token_that_was_lent_after_all_is_the_grant()
    {
        Load(3);
        Activate(1);
        Take();
        KeepSilent();
        Take();
        Grant(0, 1, 1);
        Assert.Equal([Reply("1", new PoolAnswer.Granted(Make.Open(0, 1, 1)))], Take());
        Answer(new TokenAnswer.UsageIdTaken(Make.Token(2), Make.Usage(1), Make.Row(Make.Open(0, 1, 1))));
        Assert.Empty(Take());
        Assert.Equal((2, 1, 0, 0), Books());
    }

    [Fact]
    public void A_refusal_of_a_silent_token_says_nothing_of_the_one_that_was_asked_after_it()
    {
        Load(3);
        Activate(1);
        Take();
        KeepSilent();
        Take();
        Answer(new TokenAnswer.TokenInUse(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(0, 1, 9))));
        Answer(new TokenAnswer.UsageIdTaken(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(2, 1, 1))));
        Assert.Empty(Take().OfType<PoolEffect.TellToken>());
    }

    [Fact]
    public void A_refusal_waits_for_no_ask_once_each_has_come_to_nothing()
    {
        var (first, again, other) = AskedThreeTimes();
        Answer(UserHolds(other));
        Assert.DoesNotContain(Take(), effect => effect is PoolEffect.Reply);
        Answer(InUse(first));
        Assert.DoesNotContain(Take(), effect => effect is PoolEffect.Reply);
        Answer(InUse(again));
        Assert.Contains(Reply("1", new PoolAnswer.UserAlreadyActive()), Take());
    }

    [Fact]
    public void Who_is_refused_when_all_other_asks_have_come_to_nothing_is_told_at_once()
    {
        var (first, again, other) = AskedThreeTimes();
        Answer(InUse(again));
        Answer(InUse(first));
        Take();
        Answer(UserHolds(other));
        Assert.Equal([Reply("1", new PoolAnswer.UserAlreadyActive())], Take());
    }

    [Fact]
    public void An_answer_that_does_not_say_which_ask_it_answers_or_comes_twice_leaves_the_others_open()
    {
        var (first, _, other) = AskedThreeTimes();
        Answer(InUse(0));
        Answer(InUse(first));
        Answer(InUse(first));
        Answer(UserHolds(other));
        Assert.DoesNotContain(Take(), effect => effect is PoolEffect.Reply);
    }

    [Fact]
    public void What_nobody_knows_of_one_ask_is_not_known_by_answers_to_the_others()
    {
        var (first, again, other) = AskedThreeTimes();
        Answer(new TokenAnswer.Failed(Make.Token(2), Make.Usage(1), OutcomeUnknown: true));
        Tick(Second);
        var last = Assert.Single(TakeAsks());
        foreach (var ask in (long[])[first, again, other])
            Answer(InUse(ask));
        Answer(UserHolds(last));
        Assert.DoesNotContain(Take(), effect => effect is PoolEffect.Reply);
    }

    [Fact]
    public void A_silent_token_is_lent_last_until_it_says_something()
    {
        Load(3);
        Activate(1);
        Take();
        KeepSilent();
        Take();
        Grant(2, 1, 1);
        Lend(2);
        Assert.Equal((1, 2, 0, 0), Books());
        Answer(new TokenAnswer.Standing(Make.Token(1), 1, null));
        Take();
        Activate(3);
        Assert.Equal([Ask(1, 3)], Take());
        Activate(4);
        Assert.Equal([Ask(0, 4)], Take());
    }

    [Fact]
    public void A_silent_token_that_says_something_waits_for_its_turn_like_all_others()
    {
        Load(3);
        Activate(1);
        Take();
        KeepSilent();
        Take();
        Answer(new TokenAnswer.Standing(Make.Token(0), 0, null));
        Activate(2);
        Activate(3);
        Assert.Equal([Ask(1, 2), Ask(0, 3)], Take());
    }

    [Fact]
    public void A_silent_token_is_asked_again_when_there_is_no_other()
    {
        Load(1);
        Activate(1);
        Take();
        KeepSilent();
        Assert.Empty(Take());
        Tick(1.1 * Second);
        Assert.Equal([Ask(0, 1)], Take().OfType<PoolEffect.TellToken>());
    }

    [Fact]
    public void No_other_token_is_asked_for_those_who_have_given_up()
    {
        Load(3);
        Activate(1);
        Tick(UntilSilent);
        Now += PoolDecider.CallerPatience;
        Take();
        Pool.LedgerChecked(answers: true, Now);
        Assert.Empty(Take());
    }

    [Fact]
    public void A_silent_token_of_a_pool_that_was_made_smaller_retires()
    {
        Load(3);
        Answer(new TokenAnswer.Standing(Make.Token(0), 1, null));
        Answer(new TokenAnswer.Standing(Make.Token(1), 1, null));
        Activate(1);
        Assert.Equal([Ask(2, 1)], Take());
        Pool.Load(new PoolImage(2, []), Now);
        KeepSilent();
        Assert.Equal([Ask(1, 1)], Take());
        Assert.Equal((1, 0, 1, 1), Books());
    }

    private void KeepSilent()
    {
        Tick(UntilSilent);
        Take();
        Pool.LedgerChecked(answers: true, Now);
    }

    /// <summary>A token that does not answer is asked twice, and then another one.</summary>
    private (long First, long Again, long Other) AskedThreeTimes()
    {
        Load(3);
        Activate(1);
        var first = Assert.Single(TakeAsks());
        Tick(UntilSilent);
        var again = Assert.Single(TakeAsks());
        Pool.LedgerChecked(answers: true, Now);
        var other = Assert.Single(TakeAsks());
        Assert.Equal(3, new[] { first, again, other }.Distinct().Count());
        return (first, again, other);
    }

    private static TokenAnswer.TokenInUse InUse(long ask) =>
        new(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(0, 1, 9))) { Ask = ask };

    private static TokenAnswer.UserHolds UserHolds(long ask) =>
        new(Make.Token(2), Make.Usage(1), Make.Row(Make.Open(1, 1, 8) with { UserId = Make.User(1) })) { Ask = ask };
}
