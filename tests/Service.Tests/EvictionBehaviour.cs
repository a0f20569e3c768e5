using System.Net;
using TokenManager.Testing;

namespace TokenManager.Service.Tests;

/// <summary>A node whose pool of five lends the longest-held token on when it is exhausted, for all tests of a class.</summary>
public sealed class EvictingNode<TStore> : IAsyncLifetime
    where TStore : TestStore, new()
{
    public const int PoolSize = 5;

    public NodeProcess Node { get; private set; } = null!;

    public async Task InitializeAsync() => Node = await NodeProcess.StartAsync(await new TStore().NewAsync(
        ("TokenManager:Pool:WhenExhausted", "EvictOldest"), ("TokenManager:Pool:Size", $"{PoolSize}")));

    public async Task DisposeAsync() => await Node.DisposeAsync();
}

/// <summary>A pool that lends the longest-held token on when it is exhausted.</summary>
public abstract class EvictionBehaviour<TStore>(EvictingNode<TStore> evicting) : IClassFixture<EvictingNode<TStore>>, IAsyncLifetime
    where TStore : TestStore, new()
{
    private const int PoolSize = EvictingNode<TStore>.PoolSize;

    private readonly Caller _caller = new(evicting.Node);

    public Task InitializeAsync() => _caller.ClearAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task The_longest_held_token_is_lent_on_and_its_former_holder_may_come_back()
    {
        var grants = new List<Grant>();
        for (var i = 0; i < PoolSize; i++) grants.Add(await _caller.ActivateAsync(Guid.NewGuid()));

        var sixth = await _caller.ActivateAsync(Guid.NewGuid());
        Assert.Equal(grants[0].TokenId, sixth.TokenId);
        Assert.True(sixth.Fence > grants[0].Fence);
        Assert.Equal("evicted", await EndReasonAsync(grants[0]));
        (await _caller.TryReleaseAsync(grants[0].TokenId, grants[0].UsageId)).AssertRefused("usage_ended");

        var back = await _caller.ActivateAsync(grants[0].UserId);
        Assert.Equal(grants[1].TokenId, back.TokenId);
        Assert.Equal("evicted", await EndReasonAsync(grants[1]));
        foreach (var grant in grants.Skip(2)) Assert.Null(await EndReasonAsync(grant));
    }

    [Fact]
    public async Task Of_many_users_at_once_everybody_is_served_and_the_pool_is_never_overdrawn()
    {
        var before = (await _caller.LedgerAsync()).Select(usage => usage.UsageId).ToHashSet();
        var grants = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => _caller.ActivateAsync(Guid.NewGuid())));

        Assert.Equal(PoolSize, await _caller.ActiveCountAsync());
        var ledger = (await _caller.LedgerAsync()).Where(usage => !before.Contains(usage.UsageId)).ToList();
        Assert.Equal(grants.Select(grant => grant.UsageId).Order(), ledger.Select(usage => usage.UsageId).Order());
        Assert.Equal(40 - PoolSize, ledger.Count(usage => usage.EndReason == "evicted"));
        Assert.Equal(PoolSize, ledger.Count(usage => usage.EndReason is null));
        foreach (var token in ledger.GroupBy(usage => usage.TokenId))
        {
            var usages = token.OrderBy(usage => usage.Fence).ToList();
            Assert.All(usages.Zip(usages.Skip(1)), pair => Assert.True(pair.Item1.EndedAt <= pair.Item2.StartedAt));
        }
    }

    [Fact]
    public async Task Nobody_is_evicted_for_a_request_that_gets_no_token()
    {
        var ended = await _caller.ActivateAsync(Guid.NewGuid(), Guid.NewGuid());
        await _caller.ReleaseAsync(ended);
        var grants = new List<Grant>();
        for (var i = 0; i < PoolSize; i++) grants.Add(await _caller.ActivateAsync(Guid.NewGuid(), Guid.NewGuid()));

        (await _caller.TryActivateAsync(grants[0].UserId)).AssertRefused("user_already_active");
        (await _caller.TryActivateAsync(Guid.NewGuid(), grants[0].UsageId)).AssertRefused("idempotency_key_reused");
        (await _caller.TryActivateAsync(ended.UserId, ended.UsageId)).AssertRefused("idempotency_key_reused");

        foreach (var grant in grants) Assert.Null(await EndReasonAsync(grant));
        var same = await _caller.TryActivateAsync(grants[4].UserId, grants[4].UsageId);
        Assert.Equal(HttpStatusCode.OK, same.Status);
        Assert.Equal(grants[4], same.ToGrant());
    }

    private async Task<string?> EndReasonAsync(Grant grant) => Assert.Single(
        await _caller.HistoryAsync(grant.TokenId), usage => usage.UsageId == grant.UsageId).EndReason;
}
