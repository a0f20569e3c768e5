using System.Net;
using TokenManager.Testing;
using static TokenManager.Crash.Tests.Registered;

namespace TokenManager.Crash.Tests;

/// <summary>Nodes that are put out of their cluster, or that it goes on without.</summary>
[Collection(LongestFirst.Prefix + "a node is put out")]
public sealed class PutOutTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task A_node_that_is_put_out_while_it_is_let_in_or_later_ends_with_1_and_is_let_in_again()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        var settings = database.Node(5, TimeSpan.FromMinutes(2));
        await using var a = await NodeProcess.StartAsync(settings);

        // As those who let it in do when it freezes before it has registered.
        await OnNodesAsync(
            database, "before update", "not old.joined and new.joined", "delete from cluster_nodes where address = new.address");
        await using var b = NodeProcess.Launch(settings);
        await EndsAsync();
        await OnNodesNoMoreAsync(database);
        await IsLetInAgainAsync();

        // As the survivors of a partition do with a node that they downed.
        Assert.Equal(1, await database.ExecuteAsync(
            $"delete from cluster_nodes where address like '%:{b.ClusterPort}'"));
        await EndsAsync();
        await IsLetInAgainAsync();

        async Task EndsAsync()
        {
            Assert.Equal(1, await b.WaitForExitAsync());
            Assert.Contains(b.Errors, line => line.Contains("took this node out", StringComparison.Ordinal));
            Assert.False(a.HasExited, a.Tail());
        }

        async Task IsLetInAgainAsync()
        {
            b.Relaunch();
            await b.WaitReadyAsync();
            await AreOneClusterAsync(database, [a, b], epoch: 1);
        }
    }

    [Fact]
    public async Task A_node_that_asks_a_cluster_that_is_replaced_meanwhile_is_in_the_next_one_and_no_other()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        var settings = database.Node(5, TimeSpan.FromMinutes(2));
        await using var a = await NodeProcess.StartAsync(settings);

        // As the next cluster does, which is somewhere else.
        await OnNodesAsync(database, "after insert", "not new.joined", "update cluster set epoch = 2");
        await using var b = NodeProcess.Launch(settings);

        Assert.Equal(1, await a.WaitForExitAsync());
        await OnNodesNoMoreAsync(database);
        a.Relaunch();
        await Eventually.Async(
            async () =>
            {
                // If it had been let in already, it ends as soon as it knows by whom, and its platform starts it again.
                if (b.HasExited)
                {
                    Assert.Equal(1, b.ExitCode);
                    b.Relaunch();
                }

                var members = 0L;
                await database.ReadAsync(
                    "select count(*) from cluster_nodes where epoch = 3 and joined", row => members = row.GetInt64(0));
                return members == 2;
            },
            Patience * 2,
            () => $"{a.Tail()}\n{b.Tail()}",
            "both are in the next cluster");
        await Task.WhenAll(a.WaitReadyAsync(), b.WaitReadyAsync());
        await AreOneClusterAsync(database, [a, b], epoch: 3);
    }

    [Fact]
    public async Task A_node_whose_cluster_was_replaced_while_it_was_frozen_ends_with_1_and_joins_the_new_one()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        var settings = database.Node(5, TimeSpan.FromMinutes(2));
        await using var a = await NodeProcess.StartAsync(settings);
        var before = await a.ActivateAsync(Guid.NewGuid());
        await a.PauseAsync();

        await using var b = await NodeProcess.StartAsync(settings);
        var after = await b.ActivateAsync(Guid.NewGuid());
        Assert.True(after.Status is HttpStatusCode.OK, $"{after}\n{b.Tail()}");
        await a.ContinueAsync();

        Assert.Equal(1, await a.WaitForExitAsync());
        Assert.Contains(a.Errors, line => line.Contains("took this node out", StringComparison.Ordinal));
        a.Relaunch();
        await a.WaitReadyAsync();
        await AreOneClusterAsync(database, [a, b], epoch: 2);
        var rows = await database.ReadRowsAsync();
        Audit.EveryGrantIsThere([before.Grant, after.Grant], rows);
        Audit.NothingWasHeldTwice(rows);
    }

    /// <summary>Lets the database do something at the very moment when a node writes; a change of its row is then not made.</summary>
    private static Task<int> OnNodesAsync(Database database, string moment, string condition, string statement) =>
        database.ExecuteAsync(
            $"""
            create function meanwhile() returns trigger language plpgsql as $$ begin {statement}; return null; end $$;
            create trigger meanwhile {moment} on cluster_nodes for each row when ({condition}) execute function meanwhile();
            """);

    private static Task<int> OnNodesNoMoreAsync(Database database) =>
        database.ExecuteAsync("drop trigger meanwhile on cluster_nodes");
}
