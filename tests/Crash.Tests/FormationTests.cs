using System.Net;
using TokenManager.Testing;

namespace TokenManager.Crash.Tests;

/// <summary>Nodes that find each other through their database, and the one cluster that they are.</summary>
public sealed class FormationTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Who alone gives no sign of life for as long as this is put out.</summary>
    private static readonly TimeSpan LongSilence = TimeSpan.FromSeconds(14);

    [Fact]
    public async Task Three_nodes_that_start_at_once_are_one_cluster_and_again_after_all_were_killed()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        var settings = database.Node(30, TimeSpan.FromMinutes(2));
        await using var a = NodeProcess.Launch(settings);
        await using var b = NodeProcess.Launch(settings);
        await using var c = NodeProcess.Launch(settings);
        NodeProcess[] nodes = [a, b, c];
        await Task.WhenAll(nodes.Select(node => node.WaitReadyAsync()));
        await AreOneClusterAsync(database, nodes, epoch: 1);
        var grants = await Task.WhenAll(nodes.Select(node => node.ActivateAsync(Guid.NewGuid())));
        await Nodes.AgreeWithAsync(database, nodes);

        await Task.WhenAll(nodes.Select(node => node.KillAsync()));
        foreach (var node in nodes) node.Relaunch();
        await Task.WhenAll(nodes.Select(node => node.WaitReadyAsync()));

        await AreOneClusterAsync(database, nodes, epoch: 2);
        await Nodes.AgreeWithAsync(database, nodes);
        Audit.EveryGrantIsThere(grants.Select(reply => reply.Grant), await database.ReadRowsAsync());
    }

    [Fact]
    public async Task A_node_that_the_others_put_out_ends_with_1_and_is_let_in_again()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        var settings = database.Node(5, TimeSpan.FromMinutes(2));
        await using var a = await NodeProcess.StartAsync(settings);
        await using var b = await NodeProcess.StartAsync(settings);

        // As the survivors of a partition do with a node that they downed.
        Assert.Equal(1, await database.ExecuteAsync(
            $"delete from cluster_nodes where address like '%:{b.ClusterPort}'"));

        Assert.Equal(1, await b.WaitForExitAsync());
        Assert.Contains(b.Errors, line => line.Contains("took this node out", StringComparison.Ordinal));
        b.Relaunch();
        await b.WaitReadyAsync();
        await AreOneClusterAsync(database, [a, b], epoch: 1);
    }

    [Fact]
    public async Task A_node_that_is_put_out_while_it_is_let_in_does_not_come_in()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        var settings = database.Node(5, TimeSpan.FromMinutes(2));
        await using var a = await NodeProcess.StartAsync(settings);
        await using var b = NodeProcess.Launch(settings);

        // As those who let it in do when it freezes before it has registered.
        await Eventually.Async(
            async () => await database.ExecuteAsync("delete from cluster_nodes where not joined") == 1, Patience, b.Tail);

        Assert.Equal(1, await b.WaitForExitAsync());
        Assert.Contains(b.Errors, line => line.Contains("took this node out", StringComparison.Ordinal));
        Assert.False(a.HasExited, a.Tail());
        b.Relaunch();
        await b.WaitReadyAsync();
        await AreOneClusterAsync(database, [a, b], epoch: 1);
    }

    [Fact]
    public async Task A_node_that_asks_a_cluster_that_is_replaced_meanwhile_is_in_the_next_one_and_no_other()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        var settings = database.Node(5, TimeSpan.FromMinutes(2));
        await using var a = await NodeProcess.StartAsync(settings);
        await using var b = NodeProcess.Launch(settings);

        // As the next cluster does, which is somewhere else.
        await Eventually.Async(
            async () => await database.ExecuteAsync(
                "update cluster set epoch = 2 where exists (select from cluster_nodes where not joined)") == 1,
            Patience,
            b.Tail);

        Assert.Equal(1, await a.WaitForExitAsync());
        a.Relaunch();
        try
        {
            await b.WaitReadyAsync();
        }
        catch (NodeEndedException)
        {
            // It had been let in already.
            Assert.Equal(1, b.ExitCode);
            b.Relaunch();
            await b.WaitReadyAsync();
        }

        await a.WaitReadyAsync();
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

    [Fact]
    public async Task With_seed_nodes_the_first_forms_the_cluster_and_the_others_wait_for_it()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        var ports = new[] { FreePorts.Next(), FreePorts.Next() };
        var seeds = string.Join(',', ports.Select(port => $"127.0.0.1:{port}"));
        await using var second = NodeProcess.Launch(WithSeeds(ports[1]));
        await using var first = NodeProcess.Launch(WithSeeds(ports[0]));

        await Task.WhenAll(first.WaitReadyAsync(), second.WaitReadyAsync());

        await AreOneClusterAsync(database, [first, second], epoch: 1);
        Assert.Contains(first.Output, line => line.Contains("forms cluster 1", StringComparison.Ordinal));

        NodeSettings WithSeeds(int port)
        {
            var settings = database.Node(5, TimeSpan.FromMinutes(2));
            return settings with
            {
                Configuration = new Dictionary<string, string>(settings.Configuration)
                {
                    ["TokenManager:Cluster:SeedNodes"] = seeds,
                    ["TokenManager:Cluster:Port"] = $"{port}",
                },
            };
        }
    }

    [Fact]
    public async Task A_node_that_is_told_to_stop_says_so_first_serves_on_and_leaves_no_trace()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        var settings = database.Node(5, TimeSpan.FromMinutes(2));
        await using var node = await NodeProcess.StartAsync(settings with
        {
            Configuration = new Dictionary<string, string>(settings.Configuration)
            {
                ["TokenManager:Shutdown:DrainDelay"] = "00:00:03",
            },
        });
        Assert.Equal("False", await ConnectionCloseAsync("/api/tokens"));

        var exit = node.TerminateAsync();
        await Eventually.Async(
            async () =>
            {
                using var ready = await node.Client.GetAsync(new Uri("/health/ready", UriKind.Relative));
                return ready.StatusCode is HttpStatusCode.ServiceUnavailable
                    && (await ready.Content.ReadAsStringAsync()).Contains("the node is stopping", StringComparison.Ordinal);
            },
            TimeSpan.FromSeconds(2),
            node.Tail);

        var grant = await node.ActivateAsync(Guid.NewGuid());
        Assert.True(grant.Status is HttpStatusCode.OK, $"{grant}\n{node.Tail()}");
        Assert.Equal("True", await ConnectionCloseAsync("/api/tokens"));
        Assert.Equal("True", await ConnectionCloseAsync("/health/live"));
        Assert.Equal(0, await exit);
        Assert.Equal(0, await database.ExecuteAsync("delete from cluster_nodes"));

        async Task<string> ConnectionCloseAsync(string path)
        {
            using var answer = await node.Client.GetAsync(new Uri(path, UriKind.Relative));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return $"{answer.Headers.ConnectionClose ?? false}";
        }
    }

    private static async Task AreOneClusterAsync(Database database, NodeProcess[] nodes, long epoch)
    {
        await AreRegisteredAsync(database, nodes, epoch);
        // One pool for all, not one for each.
        Assert.Single(
            nodes.SelectMany(node => node.Output),
            line => line.Contains($"forms cluster {epoch}", StringComparison.Ordinal));
    }

    private static async Task AreRegisteredAsync(Database database, NodeProcess[] nodes, long epoch)
    {
        var difference = "";
        await Eventually.Async(
            async () =>
            {
                var registered = new List<string>();
                await database.ReadAsync(
                    $"""
                    select address from cluster_nodes join cluster using (epoch)
                    where epoch = {epoch} and joined and cluster_nodes.alive_until > clock_timestamp()
                    """,
                    row => registered.Add(row.GetString(0)));
                difference = string.Join(' ', registered);
                return registered.Count == nodes.Length
                    && nodes.All(node => registered.Any(address => address.EndsWith($":{node.ClusterPort}", StringComparison.Ordinal)));
            },
            Patience,
            () => difference,
            $"{nodes.Length} nodes are registered in cluster {epoch}");
    }
}
