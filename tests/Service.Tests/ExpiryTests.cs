using TokenManager.Testing;
using Xunit.Abstractions;

namespace TokenManager.Service.Tests;

/// <summary>Tests that measure time: nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Undisturbed
{
    public const string Name = "undisturbed";
}

/// <summary>Leases that end by themselves, by the ledger's times.</summary>
[Collection(Undisturbed.Name)]
public sealed class ExpiryTests(ITestOutputHelper output)
{
    private const int PoolSize = 100;
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public Task A_hundred_leases_that_end_together_end_in_time_and_never_early_and_their_users_are_served_again() =>
        // Side by side, because most of it is waiting.
        Task.WhenAll(
            ExpireInTimeAsync(new SqliteStore(), latest: TimeSpan.FromMilliseconds(500)),
            ExpireInTimeAsync(new PostgresStore(), latest: TimeSpan.FromMilliseconds(250)));

    private async Task ExpireInTimeAsync(TestStore store, TimeSpan latest)
    {
        await using var node = await NodeProcess.StartAsync(await store.NewAsync(
            ("TokenManager:Pool:Lease", Lease.ToString()), ("TokenManager:Pool:Size", $"{PoolSize}")));
        var caller = new Caller(node);
        var users = Enumerable.Range(0, PoolSize).Select(_ => Guid.NewGuid()).ToArray();

        var grants = await ActivateAsync();
        await AssertAllExpireInTimeAsync(grants);

        var ended = grants[0];
        (await caller.TryActivateAsync(ended.UserId, ended.UsageId)).AssertRefused("idempotency_key_reused");
        (await caller.TryReleaseAsync(ended.TokenId, ended.UsageId)).AssertRefused("usage_ended");

        // Once more, with users and tokens that have all been here before.
        var again = await ActivateAsync();
        Assert.All(again, grant => Assert.True(grant.Fence > grants.Single(one => one.TokenId == grant.TokenId).Fence));
        Assert.Empty(again.Select(grant => grant.UsageId).Intersect(grants.Select(grant => grant.UsageId)));
        (await caller.TryActivateAsync(ended.UserId, ended.UsageId)).AssertRefused("idempotency_key_reused");
        (await caller.TryActivateAsync(Guid.NewGuid(), ended.UsageId)).AssertRefused("idempotency_key_reused");
        await AssertAllExpireInTimeAsync(again);

        Task<Grant[]> ActivateAsync() => Task.WhenAll(users.Select(user => caller.ActivateAsync(user, Guid.NewGuid())));

        async Task AssertAllExpireInTimeAsync(Grant[] lent)
        {
            await Eventually.Async(async () => await caller.ActiveCountAsync() == 0, Patience);

            var usages = (await caller.LedgerAsync()).ToLookup(usage => usage.UsageId);
            var late = lent.Select(grant =>
            {
                var usage = Assert.Single(usages[grant.UsageId]);
                Assert.Equal((grant.TokenId, grant.UserId, grant.Fence), (usage.TokenId, usage.UserId, usage.Fence));
                Assert.Equal("expired", usage.EndReason);
                Assert.Equal(Lease, grant.ExpiresAt - grant.ActivatedAt);
                return usage.EndedAt!.Value - grant.ExpiresAt;
            }).Order().ToArray();
            output.WriteLine(
                $"{store.GetType().Name}: {late.Length} leases ended late by (ms): p50 {late[late.Length / 2].TotalMilliseconds:0.0}, "
                + $"p99 {late[late.Length * 99 / 100].TotalMilliseconds:0.0}, max {late[^1].TotalMilliseconds:0.0}");
            Assert.InRange(late[0], TimeSpan.Zero, late[^1]);
            Assert.InRange(late[^1], TimeSpan.Zero, latest);
        }
    }
}
