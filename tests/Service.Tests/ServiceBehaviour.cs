using System.Net;

namespace TokenManager.Service.Tests;

/// <summary>What callers may rely on, whoever else calls at the same time. One node with the defaults for all tests.</summary>
public abstract class ServiceBehaviour<TStore>(SharedNode<TStore> shared) : IAsyncLifetime
    where TStore : TestStore, new()
{
    private const int PoolSize = 100;

    private readonly Caller _caller = new(shared.Node);

    public Task InitializeAsync() => _caller.ClearAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task Of_400_users_at_once_100_get_a_token_each_and_300_are_told_when_to_come_back()
    {
        var answers = await AtOnceAsync(400, _ => _caller.TryActivateAsync(Guid.NewGuid()));

        var grants = answers.Where(answer => answer.Status is HttpStatusCode.OK).Select(answer => answer.ToGrant()).ToList();
        Assert.Equal(PoolSize, grants.Count);
        Assert.Equal(PoolSize, grants.Select(grant => grant.TokenId).Distinct().Count());
        Assert.All(answers.Where(answer => answer.Status is not HttpStatusCode.OK), answer =>
        {
            answer.AssertRefused("no_tokens_available");
            Assert.InRange(answer.RetryAfter!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(2));
        });
        Assert.Equal(PoolSize, await _caller.ActiveCountAsync());
        Assert.Equal(grants.ToDictionary(grant => grant.TokenId, grant => grant.UserId), await _caller.HoldersAsync());
    }

    [Fact]
    public async Task Of_200_requests_of_one_user_at_once_one_gets_a_token()
    {
        var user = Guid.NewGuid();

        var answers = await AtOnceAsync(200, _ => _caller.TryActivateAsync(user));

        var grant = Assert.Single(answers, answer => answer.Status is HttpStatusCode.OK).ToGrant();
        Assert.All(
            answers.Where(answer => answer.Status is not HttpStatusCode.OK),
            answer => answer.AssertRefused("user_already_active"));
        Assert.Equal([grant.TokenId], (await _caller.HoldersAsync()).Keys);
    }

    [Fact]
    public async Task Of_200_requests_of_one_user_with_a_key_each_one_gets_a_token()
    {
        var user = Guid.NewGuid();

        var answers = await AtOnceAsync(200, _ => _caller.TryActivateAsync(user, Guid.NewGuid()));

        Assert.Single(answers, answer => answer.Status is HttpStatusCode.OK);
        Assert.All(
            answers.Where(answer => answer.Status is not HttpStatusCode.OK),
            answer => answer.AssertRefused("user_already_active"));
    }

    [Fact]
    public async Task Fifty_requests_with_one_key_at_once_get_the_same_bytes()
    {
        var user = Guid.NewGuid();
        var key = Guid.NewGuid();

        var answers = await AtOnceAsync(50, _ => _caller.TryActivateAsync(user, key));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        Assert.Single(answers.Select(answer => answer.Body).Distinct());
        Assert.Equal(key, answers[0].ToGrant().UsageId);
        Assert.Equal(1, await _caller.ActiveCountAsync());
    }

    [Fact]
    public async Task Of_two_users_with_one_key_at_once_only_one_gets_the_usage()
    {
        for (var round = 0; round < 20; round++)
        {
            var key = Guid.NewGuid();

            var answers = await AtOnceAsync(2, _ => _caller.TryActivateAsync(Guid.NewGuid(), key));

            Assert.Single(answers, answer => answer.Status is HttpStatusCode.OK);
            Assert.Single(answers, answer => answer.Status is not HttpStatusCode.OK).AssertRefused("idempotency_key_reused");
        }
    }

    [Fact]
    public async Task A_key_of_a_running_usage_is_refused_to_every_other_user()
    {
        var key = Guid.NewGuid();
        var holder = Guid.NewGuid();
        await _caller.ActivateAsync(Guid.NewGuid(), key);
        await _caller.ActivateAsync(holder);

        (await _caller.TryActivateAsync(Guid.NewGuid(), key)).AssertRefused("idempotency_key_reused");
        (await _caller.TryActivateAsync(holder, key)).AssertRefused("idempotency_key_reused");
    }

    [Theory]
    [InlineData("released")]
    [InlineData("cleared")]
    public async Task A_key_is_refused_to_everybody_after_its_usage_was(string ended)
    {
        var user = Guid.NewGuid();
        var key = Guid.NewGuid();
        var grant = await _caller.ActivateAsync(user, key);
        if (ended == "released") await _caller.ReleaseAsync(grant);
        else Assert.Equal(1, await _caller.ClearAsync());

        await AssertReusedAsync();
        await _caller.ActivateAsync(user);
        await AssertReusedAsync();
        await AtOnceAsync(PoolSize - 1, _ => _caller.ActivateAsync(Guid.NewGuid()));
        await AssertReusedAsync();
        Assert.Equal(PoolSize, await _caller.ActiveCountAsync());
        Assert.Equal(ended, Assert.Single(await _caller.HistoryAsync(grant.TokenId), usage => usage.UsageId == key).EndReason);

        async Task AssertReusedAsync()
        {
            (await _caller.TryActivateAsync(user, key)).AssertRefused("idempotency_key_reused");
            (await _caller.TryActivateAsync(Guid.NewGuid(), key)).AssertRefused("idempotency_key_reused");
        }
    }

    [Fact]
    public async Task A_key_that_was_only_ever_refused_is_as_good_as_new()
    {
        var user = Guid.NewGuid();
        var key = Guid.NewGuid();
        var first = await _caller.ActivateAsync(user);
        (await _caller.TryActivateAsync(user, key)).AssertRefused("user_already_active");
        await _caller.ReleaseAsync(first);

        Assert.Equal(key, (await _caller.ActivateAsync(user, key)).UsageId);
    }

    [Fact]
    public async Task A_usage_released_by_many_at_once_ends_once()
    {
        var grant = await _caller.ActivateAsync(Guid.NewGuid());

        var answers = await AtOnceAsync(50, _ => _caller.TryReleaseAsync(grant.TokenId, grant.UsageId));

        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        Assert.Single(answers.Select(answer => answer.Body).Distinct());
    }

    [Fact]
    public async Task Clears_among_activations_and_releases_count_each_usage_that_they_ended_once()
    {
        var before = await ClearedRowsAsync();
        var counted = 0;
        using var enough = new CancellationTokenSource();

        var callers = Enumerable.Range(0, 16).Select(async n =>
        {
            while (!enough.IsCancellationRequested)
            {
                var answer = await _caller.TryActivateAsync(Guid.NewGuid());
                if (answer.Status is not HttpStatusCode.OK) answer.AssertRefused("no_tokens_available");
                else if (n % 4 == 0) await _caller.TryReleaseAsync(answer.ToGrant().TokenId, answer.ToGrant().UsageId);
            }
        }).ToArray();
        var clearers = Enumerable.Range(0, 4).Select(async _ =>
        {
            for (var i = 0; i < 20; i++) Interlocked.Add(ref counted, await _caller.ClearAsync());
        }).ToArray();
        await Task.WhenAll(clearers);
        await enough.CancelAsync();
        await Task.WhenAll(callers);

        counted += await _caller.ClearAsync();
        Assert.True(counted > 0);
        Assert.Equal(counted, await ClearedRowsAsync() - before);
        Assert.Equal(0, await _caller.ActiveCountAsync());

        async Task<int> ClearedRowsAsync() => (await _caller.LedgerAsync()).Count(usage => usage.EndReason == "cleared");
    }

    [Fact]
    public async Task Many_clears_at_once_count_every_usage_once()
    {
        await AtOnceAsync(PoolSize, _ => _caller.ActivateAsync(Guid.NewGuid()));

        var counts = await AtOnceAsync(10, _ => _caller.ClearAsync());

        Assert.Equal(PoolSize, counts.Sum());
    }

    [Fact]
    public async Task What_was_answered_is_what_the_next_read_shows()
    {
        for (var round = 0; round < 200; round++)
        {
            var user = Guid.NewGuid();
            var grant = await _caller.ActivateAsync(user);
            Assert.Equal(user, await _caller.HolderAsync(grant.TokenId));
            Assert.Equal(new() { [grant.TokenId] = user }, await _caller.HoldersAsync());

            if (round % 5 == 0) Assert.Equal(1, await _caller.ClearAsync());
            else await _caller.ReleaseAsync(grant);
            Assert.Equal(0, await _caller.ActiveCountAsync());
            Assert.Null(await _caller.HolderAsync(grant.TokenId));
        }
    }

    private static Task<T[]> AtOnceAsync<T>(int count, Func<int, Task<T>> act) =>
        Task.WhenAll(Enumerable.Range(0, count).Select(act));
}
