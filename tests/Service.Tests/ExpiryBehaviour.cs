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
/// <param name="latest">The latest that a token may come back after its lease.</param>
/// <param name="output">Where the figures go.</param>
public abstract class ExpiryBehaviour<TStore>(TimeSpan latest, ITestOutputHelper output)
    where TStore : TestStore, new()
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task A_hundred_leases_that_end_together_end_in_time_and_never_early()
    {
        await using var node = await NodeProcess.StartAsync(await new TStore().NewAsync(
            ("TokenManager:Pool:Lease", Lease.ToString()), ("TokenManager:Pool:Size", "100")));
        var caller = new Caller(node);

        await AssertAllExpireInTimeAsync(caller, await ActivateAsync(caller, 100));
        // Once more, with tokens that have all been used before.
        await AssertAllExpireInTimeAsync(caller, await ActivateAsync(caller, 100));
    }

    private static Task<Grant[]> ActivateAsync(Caller caller, int count) =>
        Task.WhenAll(Enumerable.Range(0, count).Select(_ => caller.ActivateAsync(Guid.NewGuid())));

    private async Task AssertAllExpireInTimeAsync(Caller caller, Grant[] grants)
    {
        await Eventually.Async(async () => await caller.ActiveCountAsync() == 0, Patience);

        var usages = (await caller.LedgerAsync()).ToLookup(usage => usage.UsageId);
        var late = grants.Select(grant =>
        {
            var usage = Assert.Single(usages[grant.UsageId]);
            Assert.Equal((grant.TokenId, grant.UserId, grant.Fence), (usage.TokenId, usage.UserId, usage.Fence));
            Assert.Equal("expired", usage.EndReason);
            Assert.Equal(Lease, grant.ExpiresAt - grant.ActivatedAt);
            return usage.EndedAt!.Value - grant.ExpiresAt;
        }).Order().ToArray();
        output.WriteLine(
            $"{late.Length} leases ended late by (ms): p50 {late[late.Length / 2].TotalMilliseconds:0.0}, "
            + $"p99 {late[late.Length * 99 / 100].TotalMilliseconds:0.0}, max {late[^1].TotalMilliseconds:0.0}");
        Assert.InRange(late[0], TimeSpan.Zero, late[^1]);
        Assert.InRange(late[^1], TimeSpan.Zero, latest);
    }
}
