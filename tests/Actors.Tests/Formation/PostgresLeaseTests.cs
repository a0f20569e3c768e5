using Akka.Coordination;
using Npgsql;
using TokenManager.Actors.Formation;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Formation;

public sealed class PostgresLeaseTests : ClusterTables
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Of_many_that_want_it_at_once_exactly_one_gets_it()
    {
        var leases = Enumerable.Range(0, 8).Select(i => Lease($"owner-{i}")).ToArray();

        var got = await Task.WhenAll(leases.Select(lease => lease.Acquire()));

        Assert.Single(got, acquired => acquired);
        Assert.Equal(got, leases.Select(lease => lease.CheckLease()));
    }

    [Fact]
    public async Task It_is_held_for_longer_than_its_time_while_its_owner_lives()
    {
        var (a, b) = (Lease("a", timeToLive: 1), Lease("b", timeToLive: 1));
        Assert.True(await a.Acquire());
        var start = TimeProvider.System.GetTimestamp();

        await Eventually.Async(() => TimeProvider.System.GetElapsedTime(start) > TimeSpan.FromSeconds(2), Patience);

        Assert.False(await b.Acquire());
        Assert.True(a.CheckLease());
    }

    [Fact]
    public async Task The_lease_of_an_owner_that_ended_without_a_word_runs_out()
    {
        var ended = new TaskCompletionSource();
        var (a, b) = (Lease("a", timeToLive: 1, ended.Task), Lease("b"));
        Assert.True(await a.Acquire());

        ended.SetResult();

        await Eventually.Async(b.Acquire, Patience);
        Assert.False(a.CheckLease());
    }

    [Fact]
    public async Task What_is_released_is_free_at_once()
    {
        var (a, b) = (Lease("a"), Lease("b"));
        Assert.True(await a.Acquire());
        Assert.True(await a.Release());

        Assert.False(a.CheckLease());
        Assert.True(await b.Acquire());
    }

    [Fact]
    public async Task An_owner_that_comes_back_under_its_name_gets_its_lease_again_and_the_one_before_loses_it()
    {
        var lost = new TaskCompletionSource();
        var before = Lease("a");
        Assert.True(await before.Acquire(_ => lost.SetResult()));

        Assert.True(await Lease("a").Acquire());

        await lost.Task.WaitAsync(Patience);
        Assert.False(before.CheckLease());
    }

    [Fact]
    public async Task Who_lost_it_says_so_and_does_not_release_what_is_another_ones_by_now()
    {
        var lost = new TaskCompletionSource();
        var (a, b) = (Lease("a"), Lease("b"));
        Assert.True(await a.Acquire(_ => lost.SetResult()));
        await LetLeasesRunOutAsync();

        await Eventually.Async(b.Acquire, Patience);
        await lost.Task.WaitAsync(Patience);
        Assert.False(a.CheckLease());
        await a.Release();

        Assert.False(await Lease("c").Acquire());
        Assert.True(b.CheckLease());
    }

    [Fact]
    public async Task A_database_that_does_not_answer_in_time_gives_nothing_and_takes_nothing_back_early()
    {
        var (a, b) = (Lease("a", timeToLive: 1), Lease("b"));
        Assert.True(await a.Acquire());
        await using (await LockLeasesAsync())
        {
            await Assert.ThrowsAsync<PostgresException>(b.Acquire);
            // Its owner cannot show that it still lives, and knows that its time is over.
            await Eventually.Async(() => !a.CheckLease(), Patience);
        }

        await Eventually.Async(b.Acquire, Patience);
    }

    [Fact]
    public async Task A_clock_that_was_set_back_holds_no_lease()
    {
        var leases = new PostgresLeases(Database);
        var first = await leases.TryAcquireAsync("x", "a", TimeSpan.FromMinutes(1), default);
        Assert.Null(await leases.TryAcquireAsync("x", "b", TimeSpan.FromMinutes(1), default));

        await SetTheClockBackAsync();

        Assert.False(await leases.RenewAsync("x", first!.Value, TimeSpan.FromMinutes(1), default));
        Assert.True(await leases.TryAcquireAsync("x", "b", TimeSpan.FromMinutes(1), default) > first);
    }

    [Fact]
    public async Task Fences_count_up()
    {
        var leases = new PostgresLeases(Database);
        var first = await leases.TryAcquireAsync("x", "a", TimeSpan.FromMinutes(1), default);
        await leases.ReleaseAsync("x", first!.Value, default);
        var second = await leases.TryAcquireAsync("x", "b", TimeSpan.FromMinutes(1), default);

        Assert.True(second > first);
        Assert.False(await leases.RenewAsync("x", first.Value, TimeSpan.FromMinutes(1), default));
    }

    private PostgresLease Lease(string owner, int timeToLive = 10, Task? ended = null) => new(
        new LeaseSettings(
            "lease",
            owner,
            new TimeoutSettings(
                TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(timeToLive), TimeSpan.FromSeconds(2)),
            Akka.Configuration.Config.Empty),
        new PostgresLeases(Database),
        ended ?? new TaskCompletionSource().Task);
}
