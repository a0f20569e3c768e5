using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Pool;

public sealed class PoolBooksTests : PoolFixture
{
    // ---- size

    [Fact]
    public void A_pool_that_grows_lends_its_new_tokens()
    {
        Load(1);
        Lend(1);
        Pool.Sweep(new SweepImage(2, []), Now);
        Assert.Equal([new PoolEffect.Reload()], Take());
        Pool.Load(new PoolImage(2, [Known(0, Make.Open(0, 1, 1)), Known(1)]), Now);
        Activate(2);
        Assert.Equal([Ask(1, 2)], Take());
    }

    [Fact]
    public void A_pool_that_shrinks_retires_its_highest_tokens_each_as_soon_as_it_is_free()
    {
        Load(3);
        Lend(1, 2);
        Pool.Sweep(new SweepImage(1, []), Now);
        Assert.Equal((0, 2, 0, 0), Books());
        Answer(new TokenAnswer.Standing(Make.Token(1), 1, null));
        Assert.Equal((0, 1, 0, 0), Books());
        Answer(new TokenAnswer.Standing(Make.Token(0), 1, null));
        Assert.Equal((1, 0, 0, 0), Books());
        Assert.Equal([Make.Token(0)], Pool.Bucket(0).Tokens.Select(token => token.TokenId));
    }

    [Fact]
    public void A_token_that_was_promised_retires_when_its_activation_fails()
    {
        Load(2);
        Activate(1);
        Activate(2);
        Pool.Sweep(new SweepImage(1, []), Now);
        Answer(new TokenAnswer.Failed(Make.Token(1), Make.Usage(2), OutcomeUnknown: false));
        Assert.Equal((0, 0, 1, 1), Books());
    }

    [Fact]
    public void A_release_of_a_token_that_retires_meanwhile_is_still_answered()
    {
        Load(2);
        Lend(1, 2);
        Pool.Sweep(new SweepImage(1, []), Now);
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
        Pool.Load(new PoolImage(2, [Known(0), Known(1, Make.Open(1, 2, 9))]), Now);
        Activate(1);
        Answer(new TokenAnswer.UsageIdTaken(Make.Token(0), Make.Usage(1), Make.Row(Make.Open(1, 1, 1))));
        Take();
        Pool.Sweep(new SweepImage(1, []), Now);
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
        Pool.Load(
            new PoolImage(2, [Known(0, Make.Open(0, 3, 1)), new PoolToken(Make.Token(1), 1, 7, Open: null)]), Now);
        Assert.Equal((1, 1, 0, 0), Books());
        Assert.Equal(Make.Open(0, 3, 1), Pool.Bucket(0).Tokens[0].Current);
        Activate(1);
        Assert.Equal([new PoolEffect.LookUpUsage(Make.Usage(1))], Take());
        LookedUp(1, Make.Row(Make.Open(0, 3, 1)));
        Assert.Equal([Reply("1", new PoolAnswer.Granted(Make.Open(0, 3, 1)))], Take());
    }

    [Fact]
    public void What_is_overdue_when_the_pool_starts_is_woken_at_once_and_then_every_second()
    {
        Pool.Load(new PoolImage(1, [new PoolToken(Make.Token(0), 0, 1, Make.Overdue(Make.Open(0, 1, 1)))]), Now);
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
        Pool.Load(
            new PoolImage(
                1200,
                [.. Enumerable.Range(0, 1200).Select(n => new PoolToken(Make.Token(n), n, 1, Make.Overdue(Make.Open(n, 1, n))))]),
            Now);
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
        Pool.Sweep(
            new SweepImage(2, [Make.Overdue(Make.Open(0, 1, 1)), Make.Overdue(Make.Open(1, 1, 2))]), Now);
        Tick(0.25 * Second);
        Assert.Equivalent(new[] { Wake(0), Wake(1) }, Take(), strict: true);
        Assert.Equal((0, 2, 0, 0), Books());
    }

    [Fact]
    public void A_sweep_that_finds_a_token_unknown_to_the_pool_reloads()
    {
        Load(1);
        Pool.Sweep(new SweepImage(1, [Make.Overdue(Make.Open(7, 1, 1))]), Now);
        Assert.Equal([new PoolEffect.Reload()], Take());
    }

    [Fact]
    public void What_is_older_than_what_the_pool_believes_changes_nothing()
    {
        Load(1);
        Answer(new TokenAnswer.Standing(Make.Token(0), 5, Make.Row(Make.Open(0, 5, 5))));
        var digest = Pool.Digest(1).Buckets;
        Answer(new TokenAnswer.Standing(Make.Token(0), 4, null));
        Answer(new TokenAnswer.Activated(Make.Token(0), Make.Row(Make.Open(0, 4, 4))));
        Answer(new TokenAnswer.Ended(Make.Token(0), Make.Ended(0, 3, 3)));
        Pool.Load(new PoolImage(1, [Known(0, Make.Open(0, 4, 4))]), Now);
        Assert.Equal(digest, Pool.Digest(2).Buckets);
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
        Assert.Equal([256, 256, 88, 0], Enumerable.Range(0, 4).Select(n => Pool.Bucket(n).Tokens.Count));
        Assert.Empty(Pool.Bucket(-1).Tokens);
        Assert.Equal(
            Enumerable.Range(0, 600), Enumerable.Range(0, 3).SelectMany(n => Pool.Bucket(n).Tokens).Select(t => t.Ordinal));
        Assert.Equal(7, Pool.Digest(7).Round);
        Assert.Equal(Recomputed(), Pool.Digest(7).Buckets);
        Assert.Equal(Make.Open(1, 1, 2), Pool.Bucket(0).Tokens[1].Current);
    }

    [Fact]
    public void The_status_counts_and_names_the_next_release()
    {
        Load(3);
        Assert.Equal(new PoolStatus(3, 3, 0, 0, 0, NextRelease: null), Pool.StatusAt(Now));
        Lend(1);
        Activate(2);
        Now += 5 * Second;
        Assert.Equal(new PoolStatus(3, 1, 1, 1, 1, Make.Lease - (5 * Second)) { InFlight = 1 }, Pool.StatusAt(Now));
        Release(0, 1);
        Assert.Equal(2, Pool.StatusAt(Now).InFlight);
        Now += Make.Lease;
        Assert.Equal(TimeSpan.Zero, Pool.StatusAt(Now).NextRelease);
    }
}
