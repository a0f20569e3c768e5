using System.Net;
using TokenManager.Testing;

namespace TokenManager.Service.Tests;

/// <summary>What holds when a node comes back with a pool of another size.</summary>
public abstract class ResizeBehaviour<TStore>
    where TStore : TestStore, new()
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task A_smaller_pool_retires_the_highest_tokens_as_they_come_back_and_a_larger_one_adds_tokens()
    {
        using var folder = new TemporaryFolder();
        var settings = await new TStore().NewAsync(("TokenManager:DataDirectory", folder.File("data")));
        Guid[] first;
        Grant[] grants;
        await using (var node = await StartAsync(8))
        {
            var caller = new Caller(node);
            first = await caller.TokensAsync();
            Assert.Equal(8, first.Distinct().Count());
            grants = await ActivateAsync(caller, 8);
            Assert.Equal(first.Order(), grants.Select(grant => grant.TokenId).Order());
            // The last one is free when the pool shrinks.
            await caller.ReleaseAsync(GrantOf(7));
            Assert.Equal(0, await node.TerminateAsync());
        }

        await using (var node = await StartAsync(4))
        {
            var caller = new Caller(node);
            Assert.Equal(first.Take(7), await caller.TokensAsync());
            Assert.Equal(GrantOf(6).UserId, await caller.HolderAsync(first[6]));
            (await caller.TryActivateAsync(Guid.NewGuid())).AssertRefused("no_tokens_available");

            var release = await caller.TryReleaseAsync(first[6], GrantOf(6).UsageId);
            Assert.Equal(HttpStatusCode.OK, release.Status);
            (await caller.TryActivateAsync(Guid.NewGuid())).AssertRefused("no_tokens_available");
            await Eventually.Async(async () => (await caller.TokensAsync()).SequenceEqual(first.Take(6)), Patience);
            Assert.Equal(release.Body, (await caller.TryReleaseAsync(first[6], GrantOf(6).UsageId)).Body);
            Assert.Equal(HttpStatusCode.NotFound, (await caller.TryReleaseAsync(first[6], GrantOf(0).UsageId)).Status);
            Assert.Equal(HttpStatusCode.NotFound, (await caller.GetAsync($"/api/tokens/{first[6]}")).Status);
            foreach (var (token, usage) in new[] { (first[6], GrantOf(6)), (first[7], GrantOf(7)) })
            {
                var past = Assert.Single(await caller.HistoryAsync(token));
                Assert.Equal((usage.UsageId, "released"), (past.UsageId, past.EndReason));
            }

            Assert.Equal(6, await caller.ClearAsync());
            await Eventually.Async(async () => (await caller.TokensAsync()).SequenceEqual(first.Take(4)), Patience);
            Assert.Equal(0, await node.TerminateAsync());
        }

        await using (var node = await StartAsync(10))
        {
            // Those that were retired are back, and two are new.
            var caller = new Caller(node);
            var all = await caller.TokensAsync();
            Assert.Equal(first, all.Take(8));
            Assert.Equal(10, all.Distinct().Count());
            var again = await ActivateAsync(caller, 10);
            Assert.All(again, grant => Assert.Equal(first.Contains(grant.TokenId) ? 2 : 1, grant.Fence));
        }

        Grant GrantOf(int ordinal) => grants.Single(grant => grant.TokenId == first[ordinal]);

        Task<NodeProcess> StartAsync(int size) => NodeProcess.StartAsync(settings with
        {
            Configuration = new Dictionary<string, string>(settings.Configuration) { ["TokenManager:Pool:Size"] = $"{size}" },
        });
    }

    private static Task<Grant[]> ActivateAsync(Caller caller, int count) =>
        Task.WhenAll(Enumerable.Range(0, count).Select(_ => caller.ActivateAsync(Guid.NewGuid())));
}
