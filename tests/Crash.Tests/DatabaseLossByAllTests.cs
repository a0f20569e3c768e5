using System.Net;
using TokenManager.Testing;
using static TokenManager.Crash.Tests.Registered;

namespace TokenManager.Crash.Tests;

/// <summary>Nodes of one cluster that lose their database all together.</summary>
[Collection(LongestFirst.Prefix + "database lost by all")]
public sealed class DatabaseLossByAllTests
{
    /// <summary>Who alone gives no sign of life for as long as this is put out.</summary>
    private static readonly TimeSpan LongSilence = TimeSpan.FromSeconds(14);

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
