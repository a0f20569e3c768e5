using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using TokenManager.Testing;

namespace TokenManager.Node.Tests;

public sealed class NodeProcessTests
{
    [Fact]
    public async Task A_wrong_configuration_ends_the_node_within_two_seconds_with_one_line()
    {
        var settings = Configured(("TokenManager:Pool:Size", "abc"));

        // Other tests may share the processor: one undisturbed start of three is proof enough.
        await Eventually.Async(
            async () =>
            {
                var started = Stopwatch.GetTimestamp();
                await using var node = NodeProcess.Launch(settings);
                Assert.Equal(1, await node.WaitForExitAsync());
                var took = Stopwatch.GetElapsedTime(started);
                Assert.Equal(["TokenManager:Pool:Size is \"abc\"; allowed is a whole number from 1 to 1000000."], node.Errors);
                Assert.Empty(node.Output);
                return took < TimeSpan.FromSeconds(2);
            },
            TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task A_cluster_port_in_use_ends_the_node_with_one_line_that_names_it()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        await using var node = NodeProcess.Launch(
            Configured(("TokenManager:Cluster:Port", port.ToString(CultureInfo.InvariantCulture))));

        Assert.Equal(1, await node.WaitForExitAsync());
        Assert.StartsWith($"127.0.0.1:{port} cannot be listened on;", Assert.Single(node.Errors), StringComparison.Ordinal);
        Assert.Empty(node.Output);
    }

    [Fact]
    public async Task A_second_node_on_the_same_address_or_data_directory_ends_with_one_line_that_names_it()
    {
        await using var first = await NodeProcess.StartAsync();
        var address = first.BaseAddress.GetLeftPart(UriPartial.Authority);
        await using var onAddress = NodeProcess.Launch(Configured(("urls", address)));
        Assert.Equal(1, await onAddress.WaitForExitAsync());
        Assert.Contains(address, Assert.Single(onAddress.Errors), StringComparison.Ordinal);
        Assert.Empty(onAddress.Output);

        var folder = Path.Combine(first.WorkingDirectory, "data");
        await using var inFolder = NodeProcess.Launch(Configured(("TokenManager:DataDirectory", folder)));
        Assert.Equal(1, await inFolder.WaitForExitAsync());
        Assert.StartsWith(
            $"TokenManager:DataDirectory is \"{folder}\"; allowed is a folder that no other node is using.",
            Assert.Single(inFolder.Errors),
            StringComparison.Ordinal);
        Assert.Empty(inFolder.Output);
    }

    [Fact]
    public async Task From_any_working_directory_a_node_says_when_it_is_ready_and_keeps_its_data_there_and_ends_with_0_on_SIGTERM()
    {
        await using var node = await NodeProcess.StartAsync();

        Assert.True(File.Exists(Path.Combine(node.WorkingDirectory, "data", SingleNodeGuard.FileName)));
        Assert.Equal(0, await node.TerminateAsync());
        Assert.Matches(
            @"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info: TokenManager\[0\] Token Manager 0\.1\.0 is ready: "
                + @"API http://127\.0\.0\.1:\d+/api/tokens, .*management off, .*store SQLite \./data/tokenmanager\.db$",
            node.Output[0]);
        Assert.EndsWith(
            " info: TokenManager[0] The node is stopping: it is not ready any more, serves on for 00:00:00, hands over what it has, and ends",
            Assert.Single(node.Output.Skip(1)),
            StringComparison.Ordinal);
        Assert.Empty(node.Errors);
        Assert.Throws<InvalidOperationException>(() => node.ManagementAddress);
    }

    [Fact]
    public async Task A_clear_that_ended_something_is_in_the_log()
    {
        await using var node = await NodeProcess.StartAsync();
        var clear = new Uri("/api/tokens/clear", UriKind.Relative);
        var activated = await node.Client.PostAsJsonAsync("/api/tokens/activate", new { user_id = Guid.NewGuid() });
        Assert.Equal(HttpStatusCode.OK, activated.StatusCode);

        Assert.Equal(HttpStatusCode.OK, (await node.Client.PostAsync(clear, content: null)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await node.Client.PostAsync(clear, content: null)).StatusCode);

        Assert.Equal(0, await node.TerminateAsync());
        Assert.EndsWith(
            " info: TokenManager[0] At a caller's request 1 tokens were cleared",
            Assert.Single(node.Output, line => line.Contains("cleared", StringComparison.Ordinal)),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_paused_node_answers_only_after_it_goes_on()
    {
        await using var node = await NodeProcess.StartAsync(new NodeSettings { Wrapper = ["env", "TZ=UTC"] });

        await node.PauseAsync();
        var answer = node.Client.GetAsync(new Uri("/health/live", UriKind.Relative));
        Assert.False(answer.IsCompleted);
        await node.ContinueAsync();

        using var response = await answer;
        Assert.True(response.IsSuccessStatusCode);
    }

    private static NodeSettings Configured(params (string Key, string Value)[] values) =>
        new() { Configuration = values.ToDictionary(pair => pair.Key, pair => pair.Value) };
}
