using System.Net;
using TokenManager.Testing;

namespace TokenManager.Crash.Tests;

/// <summary>A token that goes to and fro between two nodes that know nothing of each other.</summary>
public sealed class ReturnedTokenTests
{
    [Fact]
    public async Task A_token_that_came_back_to_a_node_that_had_it_before_is_still_good_after_a_restart()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        var settings = Strangers.Of(database.Node(1, TimeSpan.FromMinutes(2)));
        await using var first = NodeProcess.Launch(settings);
        await using var second = NodeProcess.Launch(settings);
        await Task.WhenAll(first.WaitReadyAsync(), second.WaitReadyAsync());
        foreach (var node in (NodeProcess[])[first, second, first, second, first])
        {
            var grant = await node.ActivateAsync(Guid.NewGuid());
            Assert.True(grant.Status is HttpStatusCode.OK, $"{grant}\n{node.Tail()}");
            var release = await node.ReleaseAsync(grant.Grant.TokenId, grant.Grant.UsageId);
            Assert.True(release.Status is HttpStatusCode.OK, $"{release}\n{node.Tail()}");
        }

        await first.KillAsync();
        first.Relaunch();
        await first.WaitReadyAsync();

        var again = await first.ActivateAsync(Guid.NewGuid());
        Assert.True(again.Status is HttpStatusCode.OK, $"{again}\n{first.Tail()}");
        Assert.Equal(6, again.Grant.Fence);
        var rows = await database.ReadRowsAsync();
        Audit.NothingWasHeldTwice(rows);
        await Audit.TheJournalComesToAgreeAsync(rows, database, TimeSpan.FromSeconds(30));
    }
}
