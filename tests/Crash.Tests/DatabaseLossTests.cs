using System.Net;
using TokenManager.Testing;
using static TokenManager.Crash.Tests.Registered;

namespace TokenManager.Crash.Tests;

/// <summary>Nodes of one cluster that lose their database, one alone or all together.</summary>
[Collection(LongestFirst.Prefix + "database lost")]
public sealed class DatabaseLossTests
{
    /// <summary>Who alone gives no sign of life for as long as this is put out.</summary>
    private static readonly TimeSpan LongSilence = TimeSpan.FromSeconds(14);

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

    [Fact]
    public async Task Nodes_that_lose_the_database_together_put_nobody_out_when_it_comes_back()
    {
        await using var server = await PrivatePostgres.StartAsync(durable: false);
        using var database = await Database.CreateAsync(server);
        var settings = database.Node(5, TimeSpan.FromMinutes(2));
        await using var a = await NodeProcess.StartAsync(settings);
        await using var b = await NodeProcess.StartAsync(settings);
        await AreOneClusterAsync(database, [a, b], epoch: 1);

        await server.PauseAsync();
        await Task.Delay(LongSilence);
        await server.ContinueAsync();
        await Task.Delay(LongSilence);

        Assert.False(a.HasExited || b.HasExited, $"{a.Tail()}\n{b.Tail()}");
        await AreOneClusterAsync(database, [a, b], epoch: 1);
        var replies = await Task.WhenAll(a.ActivateAsync(Guid.NewGuid()), b.ActivateAsync(Guid.NewGuid()));
        Assert.All(replies, reply => Assert.True(reply.Status is HttpStatusCode.OK, $"{reply}\n{a.Tail()}\n{b.Tail()}"));
    }
}
