using System.ComponentModel;
using System.Diagnostics;
using TokenManager.Testing;
using Xunit.Abstractions;

namespace TokenManager.Service.Tests;

/// <summary>The database's clock decides; a node whose wall clock is wrong only measures spans with its own.</summary>
[Collection(Undisturbed.Name)]
public sealed class WrongClockTests(ITestOutputHelper output)
{
    private const int PoolSize = 50;
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Latest = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    [Fact]
    public Task A_node_whose_clock_is_an_hour_wrong_lends_and_releases_by_the_database_s() =>
        // Side by side, because most of it is waiting.
        Task.WhenAll(LendsAndReleasesAsync(hours: +1), LendsAndReleasesAsync(hours: -1));

    private async Task LendsAndReleasesAsync(int hours)
    {
        AssertFaketimeIsThere();
        var settings = await new PostgresStore().NewAsync(
            ("TokenManager:Pool:Lease", Lease.ToString()), ("TokenManager:Pool:Size", $"{PoolSize}"));
        await using var node = await NodeProcess.StartAsync(settings with
        {
            Wrapper = ["faketime", "-f", $"{hours:+0;-0}h"],
        });
        var caller = new Caller(node);
        using (var answer = await node.Client.GetAsync(new Uri("/health/live", UriKind.Relative)))
            AssertNear(DateTimeOffset.UtcNow.AddHours(hours), answer.Headers.Date!.Value);

        for (var round = 0; round < 2; round++)
        {
            var grants = await Task.WhenAll(
                Enumerable.Range(0, PoolSize).Select(_ => caller.ActivateAsync(Guid.NewGuid(), Guid.NewGuid())));
            AssertNear(DateTimeOffset.UtcNow, grants[0].ActivatedAt);
            var refused = await caller.TryActivateAsync(Guid.NewGuid());
            refused.AssertRefused("no_tokens_available");
            Assert.InRange(refused.RetryAfter!.Value, TimeSpan.FromSeconds(1), Lease);
            Assert.Equal(PoolSize, await caller.ActiveCountAsync());

            await Eventually.Async(async () => await caller.ActiveCountAsync() == 0, Patience, node.Tail);
            var usages = (await caller.LedgerAsync()).ToDictionary(usage => usage.UsageId);
            var late = grants.Select(grant => usages[grant.UsageId].EndedAt!.Value - grant.ExpiresAt).Order().ToArray();
            output.WriteLine($"{hours:+0;-0} h: late by {late[0].TotalMilliseconds:0.0} to {late[^1].TotalMilliseconds:0.0} ms");
            Assert.All(grants, grant => Assert.Equal("expired", usages[grant.UsageId].EndReason));
            Assert.All(late, one => Assert.InRange(one, TimeSpan.Zero, Latest));
        }

        var released = await caller.ActivateAsync(Guid.NewGuid());
        await caller.ReleaseAsync(released);
        Assert.Equal(0, await node.TerminateAsync());
    }

    private static void AssertNear(DateTimeOffset expected, DateTimeOffset actual) =>
        Assert.InRange(actual, expected.AddMinutes(-5), expected.AddMinutes(5));

    private static void AssertFaketimeIsThere()
    {
        try
        {
            using var faketime = Process.Start(new ProcessStartInfo("faketime", "--version") { RedirectStandardOutput = true });
        }
        catch (Win32Exception)
        {
            Assert.Fail("This test needs faketime: install it (Debian: apt-get install faketime).");
        }
    }
}
