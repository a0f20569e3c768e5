using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using TokenManager.Node.Terminal;
using TokenManager.Node.Tests.Terminal;
using TokenManager.Testing;
using Xunit.Abstractions;

namespace TokenManager.Node.Tests.Management;

/// <summary>The management API and the terminal's commands on a live cluster of three nodes on one PostgreSQL.</summary>
[Collection(LongestFirst.Prefix + "three nodes")]
public sealed class ThreeNodesTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Tokens = 30;
    private static readonly TimeSpan InTime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);
    private readonly List<NodeProcess> _nodes = [];

    public async Task InitializeAsync()
    {
        var server = await PrivatePostgres.SharedAsync();
        var database = await server.CreateDatabaseAsync();
        var ports = Enumerable.Range(0, 3).Select(_ => FreePorts.Next()).ToArray();
        _nodes.AddRange(ports.Select(port => NodeProcess.Launch(new NodeSettings
        {
            Configuration = new Dictionary<string, string>
            {
                ["ConnectionStrings:TokenManager"] = database,
                ["TokenManager:Cluster:Port"] = port.ToString(CultureInfo.InvariantCulture),
                ["TokenManager:Cluster:SeedNodes"] = string.Join(',', ports.Select(seed => $"127.0.0.1:{seed}")),
                // The operator is to be the one who decides.
                ["TokenManager:Cluster:StableAfter"] = "00:01:00",
                ["TokenManager:Management:Url"] = "http://127.0.0.1:0",
                ["TokenManager:Shutdown:DrainDelay"] = "00:00:03",
                ["TokenManager:Pool:Size"] = Tokens.ToString(CultureInfo.InvariantCulture),
                ["TokenManager:Pool:Lease"] = Lease.ToString("c"),
            },
        })));
        await Task.WhenAll(_nodes.Select(node => node.WaitReadyAsync(InTime)));
        foreach (var node in _nodes) await SeesAsync(node, 3);
    }

    public async Task DisposeAsync()
    {
        foreach (var node in _nodes) await node.DisposeAsync();
    }

    [Fact]
    public async Task Every_node_shows_the_cluster_and_an_operator_takes_members_out_of_it_without_losing_a_lease()
    {
        var addresses = new Dictionary<string, NodeProcess>();
        foreach (var node in _nodes)
        {
            var show = await OnAsync(node, "cluster", "show");
            Assert.Equal(0, show.ExitCode);
            var rows = show.Output.TrimEnd().Split('\n')[1..];
            Assert.Equal(3, rows.Length);
            Assert.All(rows, row => Assert.Equal("Up", row.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]));
            var self = Assert.Single(rows, row => row.Contains("this node", StringComparison.Ordinal));
            addresses.Add(self.Split(' ')[0], node);
        }

        var granted = new List<JsonElement>();
        for (var n = 0; n < Tokens; n++)
            granted.Add(await ActivateAsync(_nodes[n % 3]));
        var status = (await OnAsync(_nodes[0], "tokens", "status", "--json")).Output;
        var pool = JsonDocument.Parse(status).RootElement.GetProperty("node").GetString()!;
        Assert.Equal(Tokens, await EntitiesAsync(_nodes));

        // The hardest one: it has the pool.
        var left = addresses[pool];
        var leave = await OnAsync(_nodes.First(node => node != left), Command("leave", pool.Split('@')[1]));
        Assert.Equal(new TerminalRun(0, $"Leaving {pool}\n", ""), leave);
        await Eventually.Async(
            async () =>
            {
                using var ready = await left.Client.GetAsync(new Uri("/health/ready", UriKind.Relative));
                return (await ready.Content.ReadAsStringAsync()).Contains("the node is stopping", StringComparison.Ordinal);
            },
            TimeSpan.FromSeconds(10),
            left.Tail);
        // Until load balancers have heard it, it serves on; its pool is already another node's.
        await ReleaseAsync(left, granted[0]);
        granted[0] = await ActivateAsync(left);
        Assert.Equal(0, await left.WaitForExitAsync());
        var stayed = _nodes.Where(node => node != left).ToArray();
        foreach (var node in stayed) await SeesAsync(node, 2);
        await EventuallyPoolIsElsewhereAsync(stayed[0], pool);

        foreach (var node in stayed)
        {
            var tokens = await ListAsync(node);
            Assert.All(granted, grant => Assert.Equal(
                (grant.GetProperty("user_id").GetString(), grant.GetProperty("expires_at").GetString()),
                tokens[grant.GetProperty("token_id").GetString()!]));
        }

        var late = new List<TimeSpan>();
        foreach (var grant in granted)
            late.Add(await LatenessAsync(stayed[0], grant));
        output.WriteLine(
            $"{late.Count} leases outlived the leave; released after they were due by {late.Max().TotalMilliseconds:0} ms at most");
        Assert.All(late, span => Assert.InRange(span, TimeSpan.Zero, TimeSpan.FromSeconds(5)));

        // And one that does not come back.
        var (dead, alive) = (stayed[1], stayed[0]);
        var deadAddress = addresses.Single(pair => pair.Value == dead).Key;
        await dead.KillAsync();
        await Eventually.Async(
            async () => (await OnAsync(alive, "cluster", "show")).Output.Contains("UNREACHABLE", StringComparison.Ordinal), InTime, alive.Tail);
        var down = await OnAsync(alive, Command("down", deadAddress.Split('@')[1]));
        Assert.Equal(new TerminalRun(0, $"Downing {deadAddress}\n", ""), down);
        await SeesAsync(alive, 1);
        await ActivateAsync(alive);
        Assert.Equal(ExitCode.Refused, (await OnAsync(alive, Command("down", deadAddress))).ExitCode);
    }

    // As the README has it, but for the address.
    private static string[] Command(string operation, string address)
    {
        var command = Readme.NodeCommands.Single(command => command[1] == operation);
        return [.. command[..2], address];
    }

    private static Task<TerminalRun> OnAsync(NodeProcess node, params string[] command) =>
        TerminalRun.OfAsync([.. command, "--url", node.ManagementAddress.ToString()]);

    private static Task SeesAsync(NodeProcess node, int members) => Eventually.Async(
        async () => JsonDocument.Parse((await OnAsync(node, "cluster", "show", "--json")).Output).RootElement
            .GetProperty("members").EnumerateArray()
            .Select(member => member.GetProperty("status").GetString())
            .SequenceEqual(Enumerable.Repeat("Up", members)),
        InTime,
        node.Tail,
        $"the node sees {members} members");

    private static Task EventuallyPoolIsElsewhereAsync(NodeProcess node, string before) => Eventually.Async(
        async () => await OnAsync(node, "tokens", "status", "--json") is { ExitCode: 0, Output: var status }
            && JsonDocument.Parse(status).RootElement.GetProperty("node").GetString() != before,
        InTime,
        node.Tail);

    private static async Task<int> EntitiesAsync(IEnumerable<NodeProcess> nodes)
    {
        var entities = 0;
        foreach (var node in nodes)
        {
            using var client = new HttpClient { BaseAddress = node.ManagementAddress };
            entities += (await client.GetFromJsonAsync<JsonElement>("/cluster/shards/token")).GetProperty("regions")
                .EnumerateArray().Sum(shard => shard.GetProperty("numEntities").GetInt32());
        }

        return entities;
    }

    // As a client does: a cold node on a busy machine may say that it does not know yet.
    private static async Task<JsonElement> ActivateAsync(NodeProcess node)
    {
        var key = Guid.NewGuid().ToString();
        var body = new { user_id = Guid.NewGuid() };
        JsonElement granted = default;
        await Eventually.Async(
            async () =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, "/api/tokens/activate")
                {
                    Content = JsonContent.Create(body),
                    Headers = { { "Idempotency-Key", key } },
                };
                using var answer = await node.Client.SendAsync(request);
                if (answer.StatusCode != HttpStatusCode.OK) return false;
                granted = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data");
                return true;
            },
            InTime,
            node.Tail);
        return granted;
    }

    private static async Task ReleaseAsync(NodeProcess node, JsonElement grant)
    {
        using var answer = await node.Client.PostAsJsonAsync(
            $"/api/tokens/{grant.GetProperty("token_id").GetString()}/release",
            new { usage_id = grant.GetProperty("usage_id").GetString() });
        Assert.True(answer.StatusCode == HttpStatusCode.OK, node.Tail());
    }

    private static async Task<Dictionary<string, (string? User, string? ExpiresAt)>> ListAsync(NodeProcess node) =>
        (await node.Client.GetFromJsonAsync<JsonElement>("/api/tokens")).GetProperty("data").EnumerateArray().ToDictionary(
            token => token.GetProperty("id").GetString()!,
            token => (token.GetProperty("current_user_id").GetString(), token.GetProperty("expires_at").GetString()));

    /// <summary>Waits until the usage has expired; how long after it was due, by the database's clock.</summary>
    private static async Task<TimeSpan> LatenessAsync(NodeProcess node, JsonElement grant)
    {
        TimeSpan late = default;
        await Eventually.Async(
            async () =>
            {
                var history = await node.Client.GetFromJsonAsync<JsonElement>(
                    $"/api/tokens/{grant.GetProperty("token_id").GetString()}/history");
                var usage = history.GetProperty("data").GetProperty("usages").EnumerateArray()
                    .Single(usage => usage.GetProperty("usage_id").GetString() == grant.GetProperty("usage_id").GetString());
                if (usage.GetProperty("ended_at").ValueKind is JsonValueKind.Null) return false;
                Assert.Equal("expired", usage.GetProperty("end_reason").GetString());
                late = usage.GetProperty("ended_at").GetDateTimeOffset() - grant.GetProperty("expires_at").GetDateTimeOffset();
                return true;
            },
            InTime,
            node.Tail);
        return late;
    }
}
