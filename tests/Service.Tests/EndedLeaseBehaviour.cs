using TokenManager.Testing;

namespace TokenManager.Service.Tests;

/// <summary>What holds for a lease that has ended by itself.</summary>
public abstract class EndedLeaseBehaviour<TStore>
    where TStore : TestStore, new()
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task After_its_lease_a_key_is_refused_its_user_is_served_and_its_release_says_expired()
    {
        await using var node = await NodeProcess.StartAsync(await new TStore().NewAsync(
            ("TokenManager:Pool:Lease", "00:00:02"), ("TokenManager:Pool:Size", "1")));
        var caller = new Caller(node);
        var user = Guid.NewGuid();
        var grant = await caller.ActivateAsync(user, Guid.NewGuid());
        await Eventually.Async(async () => await caller.ActiveCountAsync() == 0, Patience);

        (await caller.TryActivateAsync(user, grant.UsageId)).AssertRefused("idempotency_key_reused");
        (await caller.TryReleaseAsync(grant.TokenId, grant.UsageId)).AssertRefused("usage_ended");

        var next = await caller.ActivateAsync(user);
        Assert.True(next.Fence > grant.Fence);
        Assert.NotEqual(grant.UsageId, next.UsageId);
        (await caller.TryActivateAsync(user, grant.UsageId)).AssertRefused("idempotency_key_reused");
        (await caller.TryActivateAsync(Guid.NewGuid(), grant.UsageId)).AssertRefused("idempotency_key_reused");
    }
}
