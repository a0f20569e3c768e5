using System.Data.Common;
using CsCheck;
using TokenManager.Actors.Ledger;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Ledger;

/// <summary>What every ledger promises; each store runs all of it.</summary>
public abstract class LedgerTests : IAsyncLifetime
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);

    private readonly List<IOwnedLedger> _ledgers = [];

    protected IOwnedLedger Ledger { get; private set; } = null!;

    protected Store Store { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Store = await CreateStoreAsync();
        await LedgerMigrations.ApplyAsync(Store, CancellationToken.None);
        Ledger = CreateLedger();
    }

    public async Task DisposeAsync()
    {
        foreach (var ledger in _ledgers)
            await ledger.DisposeAsync();
    }

    protected abstract Task<Store> CreateStoreAsync();

    protected abstract DbConnection CreateConnection();

    protected abstract string No { get; }

    protected abstract string NoBytes { get; }

    protected IOwnedLedger CreateLedger()
    {
        var ledger = Ledgers.Create(Store, Clock);
        _ledgers.Add(ledger);
        return ledger;
    }

    protected virtual TimeProvider Clock => TimeProvider.System;

    protected async Task<IReadOnlyList<PoolToken>> DeclareAsync(int size)
    {
        await Ledger.DeclarePoolAsync(size, "1.0.0", CancellationToken.None);
        return (await Ledger.LoadPoolAsync(CancellationToken.None)).Tokens;
    }

    protected static OpenUsage Wish(Guid tokenId, long fence = 1, Guid? userId = null, TimeSpan? lease = null) =>
        new(Guid.NewGuid(), tokenId, userId ?? Guid.NewGuid(), fence, lease ?? Lease);

    protected async Task<Usage> OpenAsync(OpenUsage wish) =>
        Assert.IsType<OpenResult.Found>(await Ledger.OpenAsync(wish)).Row.Usage;

    protected Task<CloseResult> CloseAsync(Usage usage, EndReason reason) =>
        Ledger.CloseAsync(new CloseUsage(usage.UsageId, reason, usage.ExpiresAt));

    /// <summary>Lets the lease end by the database's clock.</summary>
    protected Task PassAsync(Usage usage) => Eventually.Async(
        async () => (await Ledger.FindUsageAsync(usage.UsageId))!.Remaining <= TimeSpan.Zero, TimeSpan.FromSeconds(20));

    /// <summary>Writes these events of a token, as far as they are not there: their numbers, not what they say.</summary>
    private async Task JournalAsync(Guid token, int events)
    {
        for (var number = 1; number <= events; number++)
        {
            await QueryAsync(
                $"""
                insert into journal (created, deleted, persistence_id, sequence_number, message)
                select 0, {No}, 'token-{token}', {number}, {NoBytes}
                where not exists
                    (select 1 from journal where persistence_id = 'token-{token}' and sequence_number = {number})
                """);
        }
    }

    private async Task<Usage?> ReadNewestAsync(Guid token) => (await Ledger.FindTokenAsync(token)).Token?.Open?.Usage;

    protected async Task<object?> QueryAsync(string sql)
    {
        await using var connection = CreateConnection();
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteScalarAsync();
    }

    [Fact]
    public async Task A_usage_is_opened_once_however_often_it_is_asked_for()
    {
        var token = (await DeclareAsync(1))[0];
        var wish = Wish(token.TokenId);

        var first = Assert.IsType<OpenResult.Found>(await Ledger.OpenAsync(wish)).Row;
        var second = Assert.IsType<OpenResult.Found>(await Ledger.OpenAsync(wish)).Row;

        Assert.Equal(first.Usage, second.Usage);
        Assert.Equal(wish.UsageId, first.Usage.UsageId);
        Assert.Equal(wish.TokenId, first.Usage.TokenId);
        Assert.Equal(wish.UserId, first.Usage.UserId);
        Assert.Equal(1, first.Usage.Fence);
        Assert.True(first.Usage.IsOpen);
        Assert.InRange(first.Remaining, Lease - TimeSpan.FromSeconds(10), Lease);
        Assert.InRange(second.Remaining, TimeSpan.Zero, first.Remaining);
    }

    [Fact]
    public async Task The_same_request_many_times_at_once_finds_one_usage()
    {
        var wish = Wish((await DeclareAsync(1))[0].TokenId);

        var results = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Ledger.OpenAsync(wish)));

        Assert.Single(results.Select(result => Assert.IsType<OpenResult.Found>(result).Row.Usage).Distinct());
    }

    [Fact]
    public async Task A_lease_lasts_exactly_as_long_as_wanted_to_the_microsecond()
    {
        var lease = TimeSpan.FromMicroseconds(86_399_999_999);
        var usage = await OpenAsync(Wish((await DeclareAsync(1))[0].TokenId, lease: lease));

        var again = (await Ledger.FindUsageAsync(usage.UsageId))!.Usage;

        Assert.Equal(lease, usage.ExpiresAt - usage.StartedAt);
        Assert.Equal(usage, again);
        Assert.Equal(TimeSpan.Zero, again.StartedAt.Offset);
        Assert.Equal(TimeSpan.Zero, again.ExpiresAt.Offset);
        Assert.Equal(0, again.StartedAt.Ticks % TimeSpan.TicksPerMicrosecond);
    }

    [Fact]
    public async Task A_user_with_an_open_usage_is_refused_a_second_one()
    {
        var tokens = await DeclareAsync(2);
        var held = await OpenAsync(Wish(tokens[0].TokenId));

        var result = await Ledger.OpenAsync(Wish(tokens[1].TokenId, userId: held.UserId));

        Assert.Equal(held, Assert.IsType<OpenResult.UserHolds>(result).Row.Usage);
    }

    [Fact]
    public async Task A_lent_token_is_refused_whatever_the_fence()
    {
        var token = (await DeclareAsync(1))[0];
        var held = await OpenAsync(Wish(token.TokenId));

        var same = await Ledger.OpenAsync(Wish(token.TokenId, fence: 1));
        var next = await Ledger.OpenAsync(Wish(token.TokenId, fence: 2));

        Assert.Equal(held, Assert.IsType<OpenResult.TokenBehind>(same).Row.Usage);
        Assert.Equal(held, Assert.IsType<OpenResult.TokenBehind>(next).Row.Usage);
    }

    [Fact]
    public async Task A_fence_that_was_used_is_refused_with_the_newest_usage()
    {
        var token = (await DeclareAsync(1))[0];
        await CloseAsync(await OpenAsync(Wish(token.TokenId, fence: 1)), EndReason.Released);
        var second = await OpenAsync(Wish(token.TokenId, fence: 2));
        await CloseAsync(second, EndReason.Released);

        var result = await Ledger.OpenAsync(Wish(token.TokenId, fence: 1));

        var behind = Assert.IsType<OpenResult.TokenBehind>(result).Row.Usage;
        Assert.Equal(second.UsageId, behind.UsageId);
        Assert.False(behind.IsOpen);
    }

    [Fact]
    public async Task That_the_user_holds_a_token_is_said_before_that_the_token_is_behind()
    {
        var token = (await DeclareAsync(1))[0];
        var held = await OpenAsync(Wish(token.TokenId));

        var result = await Ledger.OpenAsync(Wish(token.TokenId, userId: held.UserId));

        Assert.IsType<OpenResult.UserHolds>(result);
    }

    [Fact]
    public async Task A_usage_id_is_found_on_whatever_token_and_user_it_has_even_when_closed()
    {
        var tokens = await DeclareAsync(2);
        var usage = await OpenAsync(Wish(tokens[0].TokenId));
        var elsewhere = new OpenUsage(usage.UsageId, tokens[1].TokenId, Guid.NewGuid(), 1, Lease);

        var whileOpen = await Ledger.OpenAsync(elsewhere);
        await CloseAsync(usage, EndReason.Released);
        var whenClosed = await Ledger.OpenAsync(elsewhere);

        Assert.Equal(usage, Assert.IsType<OpenResult.Found>(whileOpen).Row.Usage);
        var closed = Assert.IsType<OpenResult.Found>(whenClosed).Row.Usage;
        Assert.Equal(tokens[0].TokenId, closed.TokenId);
        Assert.Equal(EndReason.Released, closed.End!.Reason);
    }

    [Fact]
    public async Task Of_200_requests_at_once_for_one_user_one_is_opened()
    {
        var tokens = await DeclareAsync(200);
        var user = Guid.NewGuid();

        var results = await Task.WhenAll(
            tokens.Select(token => Ledger.OpenAsync(Wish(token.TokenId, userId: user))));

        var opened = Assert.Single(results.OfType<OpenResult.Found>());
        Assert.All(
            results.OfType<OpenResult.UserHolds>(), refused => Assert.Equal(opened.Row.Usage, refused.Row.Usage));
        Assert.Equal(199, results.OfType<OpenResult.UserHolds>().Count());
    }

    [Fact]
    public async Task Of_200_requests_at_once_for_one_token_one_is_opened()
    {
        var token = (await DeclareAsync(1))[0];

        var results = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => Ledger.OpenAsync(Wish(token.TokenId))));

        Assert.Single(results.OfType<OpenResult.Found>());
        Assert.Equal(199, results.OfType<OpenResult.TokenBehind>().Count());
    }

    [Fact]
    public async Task A_request_for_a_token_that_does_not_exist_fails_alone()
    {
        var tokens = await DeclareAsync(50);
        var innocents = tokens.Select(token => Wish(token.TokenId)).ToList();
        var poison = Wish(Guid.NewGuid());

        var poisoned = Ledger.OpenAsync(poison);
        var results = await Task.WhenAll(innocents.Append(innocents[0]).Select(Ledger.OpenAsync));

        Assert.All(results, result => Assert.IsType<OpenResult.Found>(result));
        await Assert.ThrowsAnyAsync<DbException>(() => poisoned);
        await Assert.ThrowsAnyAsync<DbException>(() => Ledger.OpenAsync(poison));
    }

    [Theory]
    [InlineData(EndReason.Cleared)]
    [InlineData(EndReason.Released)]
    [InlineData(EndReason.Evicted)]
    public async Task A_usage_is_closed_at_once_for_every_reason_but_expiry(EndReason reason)
    {
        var usage = await OpenAsync(Wish((await DeclareAsync(1))[0].TokenId));

        var closed = Assert.IsType<CloseResult.Closed>(await CloseAsync(usage, reason)).Usage;

        Assert.Equal(reason, closed.End!.Reason);
        Assert.True(closed.End.At >= usage.StartedAt);
        Assert.Equal(TimeSpan.Zero, closed.End.At.Offset);
        Assert.Equal(usage with { End = closed.End }, closed);
        Assert.Equal(closed, (await Ledger.FindUsageAsync(usage.UsageId))!.Usage);
    }

    [Fact]
    public async Task A_usage_is_closed_once_and_every_closer_learns_how()
    {
        var usage = await OpenAsync(Wish((await DeclareAsync(1))[0].TokenId));

        var results = await Task.WhenAll(
            Enum.GetValues<EndReason>().SelectMany(reason => Enumerable.Repeat(reason, 10))
                .Where(reason => reason != EndReason.Expired)
                .Select(reason => CloseAsync(usage, reason)));
        var late = await CloseAsync(usage, EndReason.Expired);

        var closed = Assert.Single(
            results.Append(late).Select(result => Assert.IsType<CloseResult.Closed>(result).Usage).Distinct());
        Assert.NotNull(closed.End);
    }

    [Fact]
    public async Task A_usage_that_does_not_exist_is_not_found()
    {
        await DeclareAsync(1);

        var closed = await Ledger.CloseAsync(
            new CloseUsage(Guid.NewGuid(), EndReason.Released, DateTimeOffset.UnixEpoch));

        Assert.IsType<CloseResult.NotFound>(closed);
        Assert.Null(await Ledger.FindUsageAsync(Guid.NewGuid()));
    }

    [Fact]
    public async Task A_lease_that_still_runs_is_not_expired()
    {
        var usage = await OpenAsync(Wish((await DeclareAsync(1))[0].TokenId));

        var row = Assert.IsType<CloseResult.NotDue>(await CloseAsync(usage, EndReason.Expired)).Row;

        Assert.Equal(usage, row.Usage);
        Assert.InRange(row.Remaining, TimeSpan.FromTicks(1), Lease);
    }

    [Fact]
    public async Task A_lease_that_is_over_is_expired_by_the_databases_clock()
    {
        var usage = await OpenAsync(
            Wish((await DeclareAsync(1))[0].TokenId, lease: TimeSpan.FromMilliseconds(100)));
        await PassAsync(usage);

        var closed = Assert.IsType<CloseResult.Closed>(await CloseAsync(usage, EndReason.Expired)).Usage;

        Assert.Equal(EndReason.Expired, closed.End!.Reason);
        Assert.True(closed.End.At >= usage.ExpiresAt);
    }

    [Fact]
    public async Task An_overdue_usage_is_not_expired_by_whoever_is_wrong_about_its_end()
    {
        var usage = await OpenAsync(
            Wish((await DeclareAsync(1))[0].TokenId, lease: TimeSpan.FromMilliseconds(100)));
        await PassAsync(usage);

        var result = await Ledger.CloseAsync(new CloseUsage(
            usage.UsageId, EndReason.Expired, usage.ExpiresAt - TimeSpan.FromMicroseconds(1)));

        var row = Assert.IsType<CloseResult.NotDue>(result).Row;
        Assert.Equal(usage, row.Usage);
        Assert.True(row.Remaining <= TimeSpan.Zero);
    }

    [Fact]
    public async Task A_user_may_hold_a_token_again_after_the_first_came_back_and_never_before()
    {
        var token = (await DeclareAsync(1))[0];
        var user = Guid.NewGuid();
        var ended = DateTimeOffset.MinValue;
        for (var fence = 1; fence <= 20; fence++)
        {
            var usage = await OpenAsync(Wish(token.TokenId, fence, user));
            Assert.True(usage.StartedAt >= ended);
            ended = Assert.IsType<CloseResult.Closed>(await CloseAsync(usage, EndReason.Released)).Usage.End!.At;
        }
    }

    [Fact]
    public async Task A_tokens_usages_are_read_from_a_fence_on_oldest_first()
    {
        var tokens = await DeclareAsync(2);
        for (var fence = 1; fence <= 3; fence++)
            await CloseAsync(await OpenAsync(Wish(tokens[0].TokenId, fence)), EndReason.Cleared);
        await OpenAsync(Wish(tokens[1].TokenId));

        var all = Ledger.ReadTokenAsync(tokens[0].TokenId, 1);
        var newest = Ledger.ReadTokenAsync(tokens[0].TokenId, 3);
        var later = Ledger.ReadTokenAsync(tokens[0].TokenId, 4);
        var other = Ledger.ReadTokenAsync(tokens[1].TokenId, 0);

        Assert.Equal([1, 2, 3], (await all).Select(row => row.Usage.Fence));
        Assert.Equal([3], (await newest).Select(row => row.Usage.Fence));
        Assert.Empty(await later);
        Assert.Equal(tokens[1].TokenId, Assert.Single(await other).Usage.TokenId);
    }

    [Fact]
    public async Task Two_ledgers_under_random_load_never_lend_twice()
    {
        const int Tokens = 6;
        const int Users = 4;
        var tokens = (await DeclareAsync(Tokens)).Select(token => token.TokenId).ToArray();
        IOwnedLedger[] ledgers = [Ledger, CreateLedger()];
        var users = Enumerable.Range(0, Users).Select(_ => Guid.NewGuid()).ToArray();
        var step = Gen.Select(Gen.Int[0, 1], Gen.Int[0, Tokens - 1], Gen.Int[0, Users - 1], Gen.Bool);

        await step.Array[40].SampleAsync(
            async steps =>
            {
                await Task.WhenAll(steps.Select(async s =>
                {
                    var (ledger, token, user, close) = (ledgers[s.Item1], tokens[s.Item2], users[s.Item3], s.Item4);
                    var newest = await ledger.ReadTokenAsync(token, 0) is [.., var last] ? last.Usage : null;
                    if (close && newest is not null)
                    {
                        await ledger.CloseAsync(
                            new CloseUsage(newest.UsageId, EndReason.Released, newest.ExpiresAt));
                        return;
                    }

                    await ledger.OpenAsync(Wish(token, (newest?.Fence ?? 0) + 1, user));
                }));
                var image = await Ledger.LoadPoolAsync(CancellationToken.None);
                var open = image.Tokens.Select(token => token.Open?.Usage).OfType<Usage>().ToList();
                return open.Select(usage => usage.UserId).Distinct().Count() == open.Count;
            },
            iter: 15,
            threads: 1);

        foreach (var token in tokens)
        {
            var usages = (await Ledger.ReadTokenAsync(token, 0)).Select(row => row.Usage).ToList();
            Assert.Equal(Enumerable.Range(1, usages.Count).Select(fence => (long)fence), usages.Select(u => u.Fence));
            AssertNoOverlap(usages);
        }

        var ofUsers = await Task.WhenAll(tokens.Select(token => Ledger.ReadTokenAsync(token, 0)));
        foreach (var usages in ofUsers.SelectMany(rows => rows).Select(row => row.Usage).GroupBy(u => u.UserId))
            AssertNoOverlap([.. usages.OrderBy(usage => usage.StartedAt).ThenBy(usage => usage.End?.At)]);
    }

    [Fact]
    public async Task The_newest_app_version_sizes_the_pool()
    {
        await Ledger.DeclarePoolAsync(10, "1.9.0", CancellationToken.None);
        await Ledger.DeclarePoolAsync(12, "1.10", CancellationToken.None);
        await Ledger.DeclarePoolAsync(11, "1.9.9", CancellationToken.None);

        Assert.Equal(12, (await Ledger.LoadPoolAsync(CancellationToken.None)).Size);

        await Ledger.DeclarePoolAsync(13, "1.10.0-rc.1+build.5", CancellationToken.None);

        Assert.Equal(13, (await Ledger.SweepAsync(1, 0, CancellationToken.None)).Size);
    }

    [Fact]
    public async Task Two_starters_at_once_make_exactly_the_tokens_of_the_pool()
    {
        var other = CreateLedger();

        await Task.WhenAll(
            Ledger.DeclarePoolAsync(25_000, "1.0", CancellationToken.None),
            other.DeclarePoolAsync(25_000, "1.0", CancellationToken.None));

        var image = await other.LoadPoolAsync(CancellationToken.None);
        Assert.Equal(25_000, image.Size);
        Assert.Equal(Enumerable.Range(0, 25_000), image.Tokens.Select(token => token.Ordinal));
        Assert.Equal(25_000, image.Tokens.Select(token => token.TokenId).Distinct().Count());
        Assert.Equal(25_000L, await QueryAsync("select count(*) from tokens"));
    }

    [Fact]
    public async Task A_pool_that_grows_keeps_its_tokens()
    {
        var few = await DeclareAsync(3);
        var many = await DeclareAsync(5);

        Assert.Equal(few, many.Take(3));
        Assert.Equal([0, 1, 2, 3, 4], many.Select(token => token.Ordinal));
    }

    [Fact]
    public async Task A_pool_that_shrinks_shows_retired_tokens_as_long_as_they_are_lent()
    {
        var tokens = await DeclareAsync(5);
        var usage = await OpenAsync(Wish(tokens[4].TokenId));

        var whileLent = await DeclareAsync(2);
        await CloseAsync(usage, EndReason.Cleared);
        var afterwards = await DeclareAsync(2);

        Assert.Equal([0, 1, 4], whileLent.Select(token => token.Ordinal));
        Assert.Equal(usage, whileLent[2].Open!.Usage);
        Assert.Equal([0, 1], afterwards.Select(token => token.Ordinal));
        var history = await Ledger.ReadHistoryAsync(tokens[4].TokenId, null, 10, CancellationToken.None);
        Assert.Single(Assert.IsType<HistoryResult.Page>(history).Usages);
    }

    [Fact]
    public async Task The_pool_is_read_with_newest_fences_and_open_usages()
    {
        var tokens = await DeclareAsync(3);
        await CloseAsync(await OpenAsync(Wish(tokens[0].TokenId)), EndReason.Released);
        await CloseAsync(await OpenAsync(Wish(tokens[1].TokenId)), EndReason.Released);
        var open = await OpenAsync(Wish(tokens[1].TokenId, fence: 2));

        var image = await Ledger.LoadPoolAsync(CancellationToken.None);

        Assert.Equal(3, image.Size);
        Assert.Equal([1, 2, 0], image.Tokens.Select(token => token.Fence));
        Assert.Equal([null, open, null], image.Tokens.Select(token => token.Open?.Usage));
        Assert.InRange(image.Tokens[1].Open!.Remaining, TimeSpan.FromTicks(1), Lease);
    }

    [Fact]
    public async Task Reading_the_pool_shows_what_loading_it_shows_and_makes_nothing()
    {
        var tokens = await DeclareAsync(5);
        await CloseAsync(await OpenAsync(Wish(tokens[0].TokenId)), EndReason.Released);
        var retired = await OpenAsync(Wish(tokens[4].TokenId));
        await DeclareAsync(3);
        await QueryAsync("update pool set size = 4");
        await QueryAsync("delete from tokens where ordinal = 3");

        var image = await Ledger.ReadPoolAsync(CancellationToken.None);

        Assert.Equal(4, image.Size);
        Assert.Equal([0, 1, 2, 4], image.Tokens.Select(token => token.Ordinal));
        Assert.Equal([1, 0, 0, 1], image.Tokens.Select(token => token.Fence));
        Assert.Equal(retired, image.Tokens[3].Open!.Usage);
        Assert.Equal(4L, await QueryAsync("select count(*) from tokens"));
    }

    [Fact]
    public async Task Each_reading_has_the_databases_time_at_which_it_was_true()
    {
        var tokens = await DeclareAsync(2);
        var usage = await OpenAsync(Wish(tokens[0].TokenId));

        var pool = await Ledger.ReadPoolAsync(CancellationToken.None);
        var token = await Ledger.FindTokenAsync(tokens[0].TokenId);
        var sweep = await Ledger.SweepAsync(1, 0, CancellationToken.None);
        var loaded = await Ledger.LoadPoolAsync(CancellationToken.None);
        var later = await OpenAsync(Wish(tokens[1].TokenId));

        Assert.Equal(usage, token.Token!.Open!.Usage);
        DateTimeOffset[] times = [usage.StartedAt, pool.ReadAt, token.ReadAt, sweep.ReadAt, loaded.ReadAt, later.StartedAt];
        Assert.Equal(times.Order(), times);
        Assert.Equal(TimeSpan.Zero, loaded.ReadAt.Offset);
    }

    [Fact]
    public async Task What_was_lent_by_the_time_of_a_reading_is_in_it()
    {
        var tokens = await DeclareAsync(40);
        var opening = tokens.Select(async token =>
        {
            await Task.Yield();
            return await OpenAsync(Wish(token.TokenId));
        }).ToList();
        while (opening.Exists(open => !open.IsCompleted))
        {
            var answered = opening.Where(open => open.IsCompleted).Select(open => open.Result.TokenId).ToList();
            var image = await Ledger.ReadPoolAsync(CancellationToken.None);
            var open = image.Tokens.Where(token => token.Open is not null).Select(token => token.TokenId).ToHashSet();
            Assert.Superset(answered.ToHashSet(), open);
        }
    }

    [Fact]
    public async Task A_token_is_found_as_it_stands_if_it_is_in_the_pool()
    {
        var tokens = await DeclareAsync(4);
        var closed = await OpenAsync(Wish(tokens[0].TokenId));
        await CloseAsync(closed, EndReason.Released);
        var open = await OpenAsync(Wish(tokens[3].TokenId));
        await DeclareAsync(2);

        var found = await Task.WhenAll(
            tokens.Select(token => token.TokenId).Append(Guid.NewGuid()).Select(Ledger.FindTokenAsync));

        Assert.Equal(new PoolToken(tokens[0].TokenId, 0, 1, Open: null), found[0].Token);
        Assert.Equal(new PoolToken(tokens[1].TokenId, 1, 0, Open: null), found[1].Token);
        Assert.Null(found[2].Token);
        Assert.Equal(open, found[3].Token!.Open!.Usage);
        Assert.Null(found[4].Token);
        Assert.All(found, image => Assert.True(image.ReadAt >= open.StartedAt));

        await CloseAsync(open, EndReason.Released);
        Assert.Null((await Ledger.FindTokenAsync(tokens[3].TokenId)).Token);
    }

    [Fact]
    public async Task A_pool_that_nobody_declared_cannot_be_loaded() =>
        await Assert.ThrowsAsync<InvalidOperationException>(() => Ledger.LoadPoolAsync(CancellationToken.None));

    [Theory]
    [InlineData(0)]
    [InlineData(1_000_001)]
    public async Task A_pool_of_an_impossible_size_is_refused(int size) =>
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            () => Ledger.DeclarePoolAsync(size, "1.0", CancellationToken.None));

    [Fact]
    public async Task A_sweep_finds_what_is_overdue_the_longest_overdue_first()
    {
        var tokens = await DeclareAsync(4);
        var third = await OpenAsync(Wish(tokens[0].TokenId, lease: TimeSpan.FromMilliseconds(60)));
        var first = await OpenAsync(Wish(tokens[1].TokenId, lease: TimeSpan.FromMicroseconds(1)));
        var second = await OpenAsync(Wish(tokens[2].TokenId, lease: TimeSpan.FromMilliseconds(40)));
        await OpenAsync(Wish(tokens[3].TokenId));
        await PassAsync(third);
        await PassAsync(second);

        var all = await Ledger.SweepAsync(10, 0, CancellationToken.None);
        var some = await Ledger.SweepAsync(2, 0, CancellationToken.None);

        Assert.Equal(4, all.Size);
        var expected = new[] { third, first, second }.OrderBy(usage => usage.ExpiresAt).ToList();
        Assert.Equal(expected, all.Overdue.Select(row => row.Usage));
        Assert.Equal(expected.Take(2), some.Overdue.Select(row => row.Usage));
        Assert.All(all.Overdue, row => Assert.True(row.Remaining <= TimeSpan.Zero));
    }

    [Fact]
    public async Task A_sweep_finds_the_tokens_whose_journal_is_behind_their_rows()
    {
        var tokens = (await DeclareAsync(5)).Select(token => token.TokenId).ToList();
        foreach (var token in tokens.Skip(1))
            await OpenAsync(Wish(token));
        foreach (var token in tokens.Skip(3))
            await CloseAsync((await ReadNewestAsync(token))!, EndReason.Released);
        await JournalAsync(tokens[2], events: 1);
        await JournalAsync(tokens[3], events: 1);
        await JournalAsync(tokens[4], events: 2);

        var all = await Ledger.SweepAsync(10, 0, CancellationToken.None);
        var some = await Ledger.SweepAsync(1, 0, CancellationToken.None);

        // The one was never lent, the two are journaled; of the others one lacks its begin, and one its end.
        Assert.Equal([tokens[1], tokens[3]], all.Unjournaled);
        Assert.Equal([tokens[1]], some.Unjournaled);
        Assert.Equal(0, all.NextOrdinal);
        await JournalAsync(tokens[1], events: 1);
        await JournalAsync(tokens[3], events: 2);
        Assert.Empty((await Ledger.SweepAsync(10, 0, CancellationToken.None)).Unjournaled);
    }

    [Fact]
    public async Task The_journal_of_a_large_pool_is_looked_through_in_parts()
    {
        var tokens = await DeclareAsync(10_001);
        var ends = new[] { tokens[0].TokenId, tokens[^1].TokenId };
        foreach (var token in ends)
            await OpenAsync(Wish(token));

        var first = await Ledger.SweepAsync(10, 0, CancellationToken.None);
        var last = await Ledger.SweepAsync(10, first.NextOrdinal, CancellationToken.None);

        Assert.Equal(ends, first.Unjournaled.Concat(last.Unjournaled));
        Assert.Equal((10_000, 0), (first.NextOrdinal, last.NextOrdinal));
    }

    [Fact]
    public async Task A_token_that_left_the_pool_is_journaled_too()
    {
        var tokens = await DeclareAsync(3);
        await CloseAsync(await OpenAsync(Wish(tokens[2].TokenId)), EndReason.Released);
        await Ledger.DeclarePoolAsync(1, "1.0.0", CancellationToken.None);

        Assert.Equal([tokens[2].TokenId], (await Ledger.SweepAsync(10, 0, CancellationToken.None)).Unjournaled);
    }

    [Fact]
    public async Task A_token_that_was_lent_is_found_once_there_is_one()
    {
        var tokens = await DeclareAsync(3);
        Assert.Null(await Ledger.FindLentTokenAsync(CancellationToken.None));

        await CloseAsync(await OpenAsync(Wish(tokens[1].TokenId)), EndReason.Released);

        Assert.Equal(tokens[1].TokenId, await Ledger.FindLentTokenAsync(CancellationToken.None));
    }

    [Fact]
    public async Task History_is_read_in_pages_newest_first()
    {
        var token = (await DeclareAsync(1))[0].TokenId;
        for (var fence = 1; fence <= 5; fence++)
            await CloseAsync(await OpenAsync(Wish(token, fence)), EndReason.Released);

        var first = await ReadPageAsync(token, null, 2);
        var second = await ReadPageAsync(token, first.NextBeforeFence, 2);
        var last = await ReadPageAsync(token, second.NextBeforeFence, 2);
        var exact = await ReadPageAsync(token, null, 5);

        Assert.Equal([5, 4], first.Usages.Select(usage => usage.Fence));
        Assert.Equal([3, 2], second.Usages.Select(usage => usage.Fence));
        Assert.Equal([1], last.Usages.Select(usage => usage.Fence));
        Assert.Null(last.NextBeforeFence);
        Assert.Equal(5, exact.Usages.Count);
        Assert.Null(exact.NextBeforeFence);
        Assert.All(new[] { first, second, last, exact }, page => Assert.Equal(5, page.TotalUsages));
    }

    [Fact]
    public async Task The_history_of_an_unused_token_is_empty_and_of_no_token_is_not_found()
    {
        var token = (await DeclareAsync(1))[0].TokenId;

        var empty = await ReadPageAsync(token, null, 2);

        Assert.Empty(empty.Usages);
        Assert.Equal(0, empty.TotalUsages);
        Assert.IsType<HistoryResult.TokenNotFound>(
            await Ledger.ReadHistoryAsync(Guid.NewGuid(), null, 2, CancellationToken.None));
    }

    [Fact]
    public async Task A_ping_says_the_databases_time()
    {
        var before = await Ledger.PingAsync(CancellationToken.None);
        var usage = await OpenAsync(Wish((await DeclareAsync(1))[0].TokenId));
        var after = await Ledger.PingAsync(CancellationToken.None);

        Assert.InRange(usage.StartedAt, before, after);
    }

    [Fact]
    public async Task A_usage_that_is_asked_for_too_late_is_not_opened_and_stands_in_nobodys_way()
    {
        var token = (await DeclareAsync(1))[0].TokenId;
        var now = await Ledger.PingAsync(CancellationToken.None);
        var late = Wish(token) with { NotAfter = now.AddMicroseconds(-1).ToOffset(TimeSpan.FromHours(1)) };

        Assert.IsType<OpenResult.TooLate>(await Ledger.OpenAsync(late));
        Assert.Null(await Ledger.FindUsageAsync(late.UsageId));
        await OpenAsync(Wish(token, userId: late.UserId) with { NotAfter = now.AddMinutes(1) });
    }

    [Fact]
    public async Task Of_many_requests_at_once_those_that_are_too_late_are_refused_and_no_others()
    {
        var tokens = await DeclareAsync(60);
        var now = await Ledger.PingAsync(CancellationToken.None);
        DateTimeOffset?[] limits = [now.AddMicroseconds(-1), now.AddMinutes(1), null];

        var results = await Task.WhenAll(
            tokens.Select(token => Ledger.OpenAsync(Wish(token.TokenId) with { NotAfter = limits[token.Ordinal % 3] })));

        Assert.All(
            tokens.Zip(results, (token, result) => (token.Ordinal, Result: result)),
            one => Assert.IsType(one.Ordinal % 3 == 0 ? typeof(OpenResult.TooLate) : typeof(OpenResult.Found), one.Result));
    }

    [Fact]
    public async Task What_is_there_already_is_said_however_late_it_is_asked()
    {
        var tokens = await DeclareAsync(2);
        var wish = Wish(tokens[0].TokenId);
        var usage = await OpenAsync(wish);
        var past = usage.StartedAt.AddMicroseconds(-1);

        var same = await Ledger.OpenAsync(wish with { NotAfter = past });
        var user = await Ledger.OpenAsync(Wish(tokens[1].TokenId, userId: usage.UserId) with { NotAfter = past });
        var token = await Ledger.OpenAsync(Wish(tokens[0].TokenId, fence: 2) with { NotAfter = past });

        Assert.Equal(usage, Assert.IsType<OpenResult.Found>(same).Row.Usage);
        Assert.Equal(usage, Assert.IsType<OpenResult.UserHolds>(user).Row.Usage);
        Assert.Equal(usage, Assert.IsType<OpenResult.TokenBehind>(token).Row.Usage);
    }

    [Fact]
    public async Task A_call_ends_when_its_caller_gives_up()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Ledger.PingAsync(cancelled.Token));
    }

    [Fact]
    public async Task A_closed_ledger_refuses_and_says_that_nothing_happened()
    {
        var wish = Wish((await DeclareAsync(1))[0].TokenId);
        await Ledger.DisposeAsync();

        var refusal = await Assert.ThrowsAsync<LedgerUnavailableException>(() => Ledger.OpenAsync(wish));

        Assert.False(refusal.OutcomeUnknown);
    }

    [Fact]
    public async Task Migrations_applied_by_four_starters_at_once_make_the_tables_once()
    {
        var store = await CreateStoreAsync();

        await Task.WhenAll(Enumerable.Range(0, 4).Select(
            _ => Task.Run(() => LedgerMigrations.ApplyAsync(store, CancellationToken.None))));

        await using var ledger = Ledgers.Create(store, Clock);
        await ledger.DeclarePoolAsync(1, "1.0", CancellationToken.None);
        Assert.Single((await ledger.LoadPoolAsync(CancellationToken.None)).Tokens);
    }

    [Fact]
    public async Task Migrations_applied_again_change_nothing()
    {
        await DeclareAsync(3);

        await LedgerMigrations.ApplyAsync(Store, CancellationToken.None);

        Assert.Equal(3L, await QueryAsync("select count(*) from tokens"));
    }

    [Theory]
    [InlineData("update token_usages set ended_at = started_at")]
    [InlineData("update token_usages set end_reason = 'expired'")]
    [InlineData("update token_usages set ended_at = started_at, end_reason = 'lost'")]
    [InlineData("update token_usages set expires_at = started_at")]
    [InlineData("update token_usages set fence = 0")]
    [InlineData("delete from tokens")]
    [InlineData("insert into pool (id, size, app_version, version_key) values (2, 1, '1', '1')")]
    public async Task The_tables_refuse_what_must_never_be(string sql)
    {
        await OpenAsync(Wish((await DeclareAsync(1))[0].TokenId));

        await Assert.ThrowsAnyAsync<DbException>(() => QueryAsync(sql));
    }

    private async Task<HistoryResult.Page> ReadPageAsync(Guid token, long? before, int limit) =>
        Assert.IsType<HistoryResult.Page>(
            await Ledger.ReadHistoryAsync(token, before, limit, CancellationToken.None));

    private static void AssertNoOverlap(List<Usage> usages)
    {
        for (var i = 1; i < usages.Count; i++)
        {
            Assert.NotNull(usages[i - 1].End);
            Assert.True(usages[i].StartedAt >= usages[i - 1].End!.At);
        }
    }
}
