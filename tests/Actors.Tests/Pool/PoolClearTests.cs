using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Pool;

public sealed class PoolClearTests : PoolFixture
{
    [Fact]
    public void A_clear_reads_the_ledger_first_and_ends_what_it_says_runs()
    {
        Load(3);
        Lend(1);
        Pool.ClearTokens(Caller("c"));
        Assert.Equal([new PoolEffect.Reload()], Take());
        Pool.Load(new PoolImage(3, [Known(0, Make.Open(0, 1, 1)), Known(1, Make.Open(1, 4, 9)), Known(2)]), Now);
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
        Pool.ClearTokens(Caller("c"));
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
        Pool.ClearTokens(Caller("c"));
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
        Pool.ClearTokens(Caller("first"));
        Pool.ClearTokens(Caller("second"));
        Pool.ClearTokens(Caller("third"));
        Assert.Equal([new PoolEffect.Reload()], Take());
        Load(1);
        Assert.Equal([Close(0, 1, EndReason.Cleared)], Take());
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 1, 1, EndReason.Cleared)));
        Assert.Equal([Reply("first", new PoolAnswer.Cleared(1)), new PoolEffect.Reload()], Take());

        // The next one reads the ledger for itself.
        Pool.Load(new PoolImage(1, [Known(0, Make.Open(0, 2, 2))]), Now);
        Assert.Equal([Close(0, 2, EndReason.Cleared)], Take());
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 2, 2, EndReason.Cleared)));
        Assert.Equal(
            [Reply("second", new PoolAnswer.Cleared(1)), Reply("third", new PoolAnswer.Cleared(0))], Take());
        Assert.Equal(0, Books().Waiting);
    }

    [Fact]
    public void Clears_that_nobody_waits_for_any_more_are_not_begun()
    {
        Load(1);
        Lend(1);
        Pool.ClearTokens(Caller("first"));
        Pool.ClearTokens(Caller("second"));
        Assert.Equal([new PoolEffect.Reload()], Take());

        // It was asleep; somebody else has cleared meanwhile, and another user was granted the token.
        Tick(60 * Second);
        var effects = Take();
        Assert.Contains(Reply("first", new PoolAnswer.Unavailable(OutcomeUnknown: true)), effects);
        Assert.Contains(Reply("second", new PoolAnswer.Unavailable(OutcomeUnknown: true)), effects);
        Assert.DoesNotContain(new PoolEffect.Reload(), effects);
        Pool.Load(new PoolImage(1, [Known(0, Make.Open(0, 2, 2))]), Now);
        Assert.Empty(Take());
        Assert.Equal((0, 1, 0, 0), Books());
    }

    [Fact]
    public void A_clear_whose_ledger_is_read_too_late_ends_nothing()
    {
        Load(1);
        Lend(1);
        Pool.ClearTokens(Caller("c"));
        Take();
        Now += PoolDecider.CallerPatience;
        Load(1);
        Assert.Equal([Reply("c", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
    }

    [Fact]
    public void A_clear_that_waited_too_long_for_the_one_before_it_is_not_begun()
    {
        Load(2);
        Lend(1, 2);
        Clear("first", size: 2);
        Take();
        Pool.ClearTokens(Caller("second"));
        Now += Second;
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 1, 1, EndReason.Cleared)));
        Now += PoolDecider.CallerPatience - Second;
        Answer(new TokenAnswer.Ended(Make.Token(1), Make.Ended(1, 1, 2, EndReason.Cleared)));
        Assert.Equal(
            [Reply("first", new PoolAnswer.Cleared(2)), Reply("second", new PoolAnswer.Unavailable(OutcomeUnknown: true))], Take());
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
}
