using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using TokenManager.Node.Terminal;
using TokenManager.Testing;

namespace TokenManager.Node.Tests.Terminal;

public sealed class CommandsTests
{
    [Fact]
    public async Task Each_command_shows_what_the_node_says()
    {
        await using var node = await NodeProcess.StartAsync(WithManagement());
        var url = node.ManagementAddress.ToString();
        using var answer = await node.Client.PostAsJsonAsync(
            "/api/tokens/activate", new { user_id = "7c9e6679-7425-40de-944b-e07fc1f90ae7" });
        var granted = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data");
        var token = granted.GetProperty("token_id").GetString()!;

        var members = await TerminalRun.OfAsync("cluster", "show", "--url", url);
        Assert.Equal((0, ""), (members.ExitCode, members.Errors));
        Assert.StartsWith("NODE ", members.Output, StringComparison.Ordinal);
        var address = members.Output.Split('\n')[1].Split(' ')[0];
        Assert.Equal([address, "Up", "0.1.0", "this", "node,", "leader,", "oldest"], members.Line(address));

        var pool = await TerminalRun.OfAsync("--url", url, "tokens", "status");
        Assert.Equal(["total", "100"], pool.Line("total"));
        Assert.Equal(["active", "1"], pool.Line("active"));
        Assert.Equal(["in", "flight", "0"], pool.Line("in"));
        Assert.Equal(["next", "release", "in"], pool.Line("next")[..3]);
        Assert.Equal(["node", address], pool.Line("node"));

        var shown = await TerminalRun.OfAsync("tokens", "show", token, "--url", url);
        Assert.Equal(["status", "active"], shown.Line("status"));
        Assert.Equal(["user", "7c9e6679-7425-40de-944b-e07fc1f90ae7"], shown.Line("user"));
        Assert.Equal(["usage", granted.GetProperty("usage_id").GetString()!], shown.Line("usage"));

        var json = await TerminalRun.OfAsync("tokens", "show", token, "--json", "--url", url);
        Assert.Equal(
            granted.GetProperty("expires_at").GetString(),
            JsonDocument.Parse(json.Output).RootElement.GetProperty("expires_at").GetString());

        Assert.Equal(
            new TerminalRun(0, "Successfully cleared all active tokens: 1\n", ""), await TerminalRun.OfAsync("tokens", "clear", "--url", url));
        Assert.Equal(
            new TerminalRun(
                ExitCode.Refused, "", "The cluster has no member with this address: take an address from /cluster/members.\n"),
            await TerminalRun.OfAsync("cluster", "leave", "127.0.0.1:1", "--url", url));
        Assert.Equal(
            ExitCode.Refused, (await TerminalRun.OfAsync("tokens", "show", Guid.NewGuid().ToString(), "--url", url)).ExitCode);

        // The public API is there, but it is not this one.
        var wrongPort = await TerminalRun.OfAsync("cluster", "show", "--url", node.BaseAddress.ToString());
        Assert.Equal(ExitCode.Unreached, wrongPort.ExitCode);
        Assert.Contains("is not the management API", wrongPort.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_of_the_executable_answers_without_starting_a_node()
    {
        await using var show = NodeProcess.Launch(new NodeSettings
        {
            Arguments = ["cluster", "show"],
            Configuration = new Dictionary<string, string> { ["TokenManager:Management:Url"] = "http://127.0.0.1:1" },
        });

        Assert.Equal(ExitCode.Unreached, await show.WaitForExitAsync());
        Assert.StartsWith("No node can be reached at http://127.0.0.1:1/", Assert.Single(show.Errors), StringComparison.Ordinal);
        Assert.Empty(show.Output);
    }

    [Fact]
    public async Task A_misspelt_command_of_the_executable_starts_nothing()
    {
        await using var misspelt = NodeProcess.Launch(new NodeSettings { Arguments = ["clustre", "show"] });

        Assert.Equal(ExitCode.Usage, await misspelt.WaitForExitAsync());
        Assert.Contains(misspelt.Errors, line => line.Contains("'clustre'", StringComparison.Ordinal));
        Assert.Empty(misspelt.Output);
        Assert.Empty(Directory.EnumerateFileSystemEntries(misspelt.WorkingDirectory));
    }

    [Theory]
    [InlineData("tokens")]
    [InlineData("tokens", "show")]
    [InlineData("tokens", "show", "7")]
    [InlineData("cluster", "leave")]
    [InlineData("cluster", "show", "now")]
    [InlineData("cluster", "show", "--url", "8558")]
    [InlineData("cluster", "show", "--url", "https://127.0.0.1:8558")]
    [InlineData("cluster", "show", "--jsn")]
    [InlineData("cluster", "show", "@file")]
    public async Task What_is_no_command_is_said_to_be_none(params string[] arguments)
    {
        var run = await TerminalRun.OfAsync(arguments);

        Assert.Equal((ExitCode.Usage, ""), (run.ExitCode, run.Output));
        Assert.EndsWith("Nothing was done; --help names the commands.\n", run.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_names_the_commands()
    {
        var run = await TerminalRun.OfAsync("--help");

        Assert.Equal((0, ""), (run.ExitCode, run.Errors));
        Assert.Contains("cluster", run.Output, StringComparison.Ordinal);
        Assert.Contains("tokens", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<html></html>", "text/html")]
    [InlineData("[]", "application/json")]
    [InlineData("null", "application/json")]
    [InlineData("{", "application/json")]
    public async Task An_answer_of_something_else_is_no_answer(string body, string type)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var other = builder.Build();
        other.Run(context =>
        {
            context.Response.ContentType = type;
            return context.Response.WriteAsync(body);
        });
        await other.StartAsync();

        var run = await TerminalRun.OfAsync("cluster", "show", "--url", other.Urls.Single());

        Assert.Equal((ExitCode.Unreached, ""), (run.ExitCode, run.Output));
        Assert.Single(run.Errors.TrimEnd().Split('\n'));
    }

    [Theory]
    [InlineData(null, "http://127.0.0.1:8558/")]
    [InlineData("", "http://127.0.0.1:8558/")]
    [InlineData("http://10.0.0.1:9000", "http://10.0.0.1:9000/")]
    [InlineData("http://0.0.0.0:9000", "http://127.0.0.1:9000/")]
    [InlineData("http://[::]:9000", "http://127.0.0.1:9000/")]
    public void The_default_is_where_this_configuration_listens(string? configured, string url) => Assert.Equal(
        url,
        Commands.DefaultUrl(new ConfigurationBuilder()
            .AddInMemoryCollection([new("TokenManager:Management:Url", configured)]).Build()).ToString());

    private static NodeSettings WithManagement() => new()
    {
        Configuration = new Dictionary<string, string> { ["TokenManager:Management:Url"] = "http://127.0.0.1:0" },
    };
}
