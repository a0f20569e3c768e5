using System.Net;
using TokenManager.Testing;
using static TokenManager.Crash.Tests.Registered;

namespace TokenManager.Crash.Tests;

/// <summary>A node that loses the database its cluster keeps.</summary>
[Collection(LongestFirst.Prefix + "database lost by one")]
public sealed class DatabaseLossTests
{
    [Fact]
    public async Task A_node_that_alone_loses_the_database_is_put_out_and_the_others_work_on()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        var settings = database.Node(5, TimeSpan.FromMinutes(2));
        var (relay, relayed) = DatabaseRelay.Before(settings);
        await using var way = relay;
        // The first has the pool.
        await using var a = await NodeProcess.StartAsync(relayed);
        await using var b = await NodeProcess.StartAsync(settings);
        await AreOneClusterAsync(database, [a, b], epoch: 1);
        var before = await b.ActivateAsync(Guid.NewGuid());
        Assert.True(before.Status is HttpStatusCode.OK, $"{before}\n{b.Tail()}");

        relay.Cut();
        var after = before;
        await Eventually.Async(
            async () =>
            {
                after = await b.ActivateAsync(Guid.NewGuid());
                return after.Status is HttpStatusCode.OK;
            },
            TimeSpan.FromSeconds(25),
            () => $"{after}\n{a.Tail()}\n{b.Tail()}",
            "the other node grants what it is asked for");
        Assert.Equal(1, await a.WaitForExitAsync());
        Assert.Contains(a.Errors, line => line.Contains("took this node out", StringComparison.Ordinal));
        Assert.False(b.HasExited);

        relay.Mend();
        a.Relaunch();
        await a.WaitReadyAsync();
        await AreRegisteredAsync(database, [a, b], epoch: 1);
        Assert.DoesNotContain(a.Output.Concat(b.Output), line => line.Contains("forms cluster", StringComparison.Ordinal));
        var rows = await database.ReadRowsAsync();
        Audit.EveryGrantIsThere([before.Grant, after.Grant], rows);
        Audit.NothingWasHeldTwice(rows);
    }
}
