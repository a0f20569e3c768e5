using System.Net;
using TokenManager.Testing;
using static TokenManager.Crash.Tests.Registered;

namespace TokenManager.Crash.Tests;

/// <summary>Nodes that find each other through their database, and the one cluster that they are.</summary>
public sealed class FormationTests
{
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
    public async Task With_seed_nodes_the_first_forms_the_cluster_and_one_that_is_told_to_stop_says_so_serves_on_and_leaves_no_trace()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        var ports = new[] { FreePorts.Next(), FreePorts.Next() };
        var seeds = string.Join(',', ports.Select(port => $"127.0.0.1:{port}"));
        await using var second = NodeProcess.Launch(WithSeeds(ports[1]));
        await using var first = NodeProcess.Launch(WithSeeds(ports[0]));

        await Task.WhenAll(first.WaitReadyAsync(), second.WaitReadyAsync());

        await AreOneClusterAsync(database, [first, second], epoch: 1);
        Assert.Contains(first.Output, line => line.Contains("forms cluster 1", StringComparison.Ordinal));

        Assert.Equal("False", await ConnectionCloseAsync(first, "/api/tokens"));
        var exit = first.TerminateAsync();
        await Eventually.Async(
            async () =>
            {
                using var ready = await first.Client.GetAsync(new Uri("/health/ready", UriKind.Relative));
                return ready.StatusCode is HttpStatusCode.ServiceUnavailable
                    && (await ready.Content.ReadAsStringAsync()).Contains("the node is stopping", StringComparison.Ordinal);
            },
            TimeSpan.FromSeconds(2),
            first.Tail);

        var grant = await first.ActivateAsync(Guid.NewGuid());
        Assert.True(grant.Status is HttpStatusCode.OK, $"{grant}\n{first.Tail()}");
        Assert.Equal("True", await ConnectionCloseAsync(first, "/api/tokens"));
        Assert.Equal("True", await ConnectionCloseAsync(first, "/health/live"));
        Assert.Equal(0, await exit);
        Assert.Equal(0, await database.ExecuteAsync($"delete from cluster_nodes where address like '%:{ports[0]}'"));

        // The last one takes the last trace with it.
        Assert.Equal(0, await second.TerminateAsync());
        Assert.Equal(0, await database.ExecuteAsync("delete from cluster_nodes"));

        NodeSettings WithSeeds(int port)
        {
            var settings = database.Node(5, TimeSpan.FromMinutes(2));
            return settings with
            {
                Configuration = new Dictionary<string, string>(settings.Configuration)
                {
                    ["TokenManager:Cluster:SeedNodes"] = seeds,
                    ["TokenManager:Cluster:Port"] = $"{port}",
                    ["TokenManager:Shutdown:DrainDelay"] = "00:00:03",
                },
            };
        }

        static async Task<string> ConnectionCloseAsync(NodeProcess node, string path)
        {
            using var answer = await node.Client.GetAsync(new Uri(path, UriKind.Relative));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return $"{answer.Headers.ConnectionClose ?? false}";
        }
    }
}
