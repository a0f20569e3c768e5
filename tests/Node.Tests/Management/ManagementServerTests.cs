using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using TokenManager.Testing;

namespace TokenManager.Node.Tests.Management;

/// <summary>The management API of a real node.</summary>
public sealed class ManagementServerTests
{
    private static readonly TimeSpan InTime = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Neither_port_serves_the_others_routes_whatever_the_host_header_says()
    {
        await using var node = await NodeProcess.StartAsync(At("http://127.0.0.1:0"));
        var (publicly, management) = (node.BaseAddress, node.ManagementAddress);
        Assert.NotEqual(publicly.Port, management.Port);
        foreach (var host in (string[])[publicly.Authority, management.Authority, "localhost", "tokens.example"])
        {
            Assert.Equal(HttpStatusCode.OK, await AskAsync(publicly, "/api/tokens", host));
            Assert.Equal(HttpStatusCode.OK, await AskAsync(publicly, "/health/ready", host));
            foreach (var path in (string[])["/cluster/members", "/cluster/shards", "/cluster/domain-events", "/pool"])
                Assert.Equal(HttpStatusCode.NotFound, await AskAsync(publicly, path, host));

            Assert.Equal(HttpStatusCode.OK, await AskAsync(management, "/cluster/members", host));
            Assert.Equal(HttpStatusCode.OK, await AskAsync(management, "/pool", host));
            foreach (var path in (string[])["/api/tokens", "/health/ready", "/openapi/v1.json", "/docs", "/"])
                Assert.Equal(HttpStatusCode.NotFound, await AskAsync(management, path, host));
        }
    }

    [Fact]
    public async Task An_address_that_is_in_use_ends_the_node_with_one_line_that_names_the_key()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var url = $"http://{taken.LocalEndpoint}";
        await using var node = NodeProcess.Launch(At(url));

        Assert.Equal(1, await node.WaitForExitAsync());
        Assert.StartsWith(
            $"{url} cannot be listened on; choose another address or port with TokenManager:Management:Url.",
            Assert.Single(node.Errors),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_public_address_cannot_be_the_management_address_too()
    {
        var url = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{FreePorts.Next()}");
        await using var node = NodeProcess.Launch(At(url, ("urls", url)));

        Assert.Equal(1, await node.WaitForExitAsync());
        Assert.StartsWith(
            $"{url} cannot be listened on; choose another address or port with TokenManager:Management:Url.",
            Assert.Single(node.Errors),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_cluster_can_be_looked_at_while_the_database_has_never_been_there()
    {
        using var nobody = new TcpListener(IPAddress.Loopback, 0);
        nobody.Start();
        var database = ((IPEndPoint)nobody.LocalEndpoint).Port;
        nobody.Stop();
        var url = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{FreePorts.Next()}"));
        await using var node = NodeProcess.Launch(At(
            url.ToString(),
            ("ConnectionStrings:TokenManager", $"Host=127.0.0.1;Port={database};Username=postgres;Database=none")));
        using var client = new HttpClient { BaseAddress = url };

        await Eventually.Async(
            async () => (await client.GetFromJsonAsync<JsonElement>("/cluster/members")).GetProperty("members").GetArrayLength() == 0,
            InTime,
            node.Tail);
        using var pool = await client.GetAsync(new Uri("/pool", UriKind.Relative));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, pool.StatusCode);
        using var leave = await client.DeleteAsync(new Uri("/cluster/members/127.0.0.1:1", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NotFound, leave.StatusCode);
        Assert.Equal(0, await node.TerminateAsync());
    }

    [Fact]
    public async Task An_open_stream_of_events_does_not_hold_up_the_end_of_the_node()
    {
        await using var node = await NodeProcess.StartAsync(At("http://127.0.0.1:0"));
        using var client = new HttpClient { BaseAddress = node.ManagementAddress };
        using var stream = await client.GetAsync(
            new Uri("/cluster/domain-events", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        using var events = new StreamReader(await stream.Content.ReadAsStreamAsync());
        Assert.Equal("event: MemberUp", await events.ReadLineAsync().WaitAsync(InTime));
        Assert.Contains("\"status\":\"Up\"", await events.ReadLineAsync().WaitAsync(InTime), StringComparison.Ordinal);

        var started = Stopwatch.GetTimestamp();
        Assert.Equal(0, await node.TerminateAsync());

        Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(20), node.Tail());
        await events.ReadToEndAsync().WaitAsync(InTime);
    }

    private static async Task<HttpStatusCode> AskAsync(Uri server, string path, string host)
    {
        using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = server };
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Host = host } };
        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return answer.StatusCode;
    }

    private static NodeSettings At(string url, params (string Key, string Value)[] more) => new()
    {
        Configuration = more.Append(("TokenManager:Management:Url", url)).ToDictionary(pair => pair.Item1, pair => pair.Item2),
    };
}
