using System.Net;
using TokenManager.Testing;

namespace TokenManager.Service.Tests;

/// <summary>What holds when a node comes back with a pool of another size.</summary>
public abstract class ResizeBehaviour<TStore>
    where TStore : TestStore, new()
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task A_larger_pool_adds_tokens_and_a_smaller_one_retires_the_highest_as_they_come_back()
    {
        using var folder = new TemporaryFolder();
        var settings = await new TStore().NewAsync(("TokenManager:DataDirectory", folder.File("data")));
        Guid[] few, many;
        Grant[] grants;
        await using (var node = await StartAsync(5))
        {
            few = await new Caller(node).TokensAsync();
            Assert.Equal(5, few.Length);
            Assert.Equal(0, await node.TerminateAsync());
        }

        await using (var node = await StartAsync(8))
        {
            var caller = new Caller(node);
            many = await caller.TokensAsync();
            Assert.Equal(8, many.Distinct().Count());
            Assert.Equal(few, many.Take(5));
            grants = await ActivateAsync(caller, 8);
            Assert.Equal(many.Order(), grants.Select(grant => grant.TokenId).Order());
            // The last one is free when the pool shrinks.
            await caller.ReleaseAsync(GrantOf(7));
            Assert.Equal(0, await node.TerminateAsync());
        }

        await using (var node = await StartAsync(4))
        {
            var caller = new Caller(node);
            Assert.Equal(many.Take(7), await caller.TokensAsync());
            Assert.Equal(GrantOf(6).UserId, await caller.HolderAsync(many[6]));
            (await caller.TryActivateAsync(Guid.NewGuid())).AssertRefused("no_tokens_available");

            var release = await caller.TryReleaseAsync(many[6], GrantOf(6).UsageId);
            Assert.Equal(HttpStatusCode.OK, release.Status);
            (await caller.TryActivateAsync(Guid.NewGuid())).AssertRefused("no_tokens_available");
            await Eventually.Async(async () => (await caller.TokensAsync()).SequenceEqual(many.Take(6)), Patience);
            Assert.Equal(release.Body, (await caller.TryReleaseAsync(many[6], GrantOf(6).UsageId)).Body);
            Assert.Equal(HttpStatusCode.NotFound, (await caller.TryReleaseAsync(many[6], GrantOf(0).UsageId)).Status);
            Assert.Equal(HttpStatusCode.NotFound, (await caller.GetAsync($"/api/tokens/{many[6]}")).Status);
            foreach (var (token, usage) in new[] { (many[6], GrantOf(6)), (many[7], GrantOf(7)) })
            {
                var past = Assert.Single(await caller.HistoryAsync(token));
                Assert.Equal((usage.UsageId, "released"), (past.UsageId, past.EndReason));
            }

            Assert.Equal(6, await caller.ClearAsync());
            await Eventually.Async(async () => (await caller.TokensAsync()).SequenceEqual(many.Take(4)), Patience);
            Assert.Equal(0, await node.TerminateAsync());
        }

        await using (var node = await StartAsync(8))
        {
            var caller = new Caller(node);
            Assert.Equal(many, await caller.TokensAsync());
            var again = await ActivateAsync(caller, 8);
            Assert.All(again, grant => Assert.Equal(2, grant.Fence));
        }

        Grant GrantOf(int ordinal) => grants.Single(grant => grant.TokenId == many[ordinal]);

        Task<NodeProcess> StartAsync(int size) => NodeProcess.StartAsync(settings with
        {
            Configuration = new Dictionary<string, string>(settings.Configuration) { ["TokenManager:Pool:Size"] = $"{size}" },
        });
    }

    private static Task<Grant[]> ActivateAsync(Caller caller, int count) =>
        Task.WhenAll(Enumerable.Range(0, count).Select(_ => caller.ActivateAsync(Guid.NewGuid())));
}
