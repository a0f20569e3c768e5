using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using TokenManager.Testing;

namespace TokenManager.Node.Tests;

/// <summary>What the README says is what happens. (Its two dotnet commands are run by .ci/run.)</summary>
public sealed partial class ReadmeTests(ReadmeTests.ManagedNode managed) : IClassFixture<ReadmeTests.ManagedNode>
{
    [Fact]
    public async Task Every_curl_of_the_readme_does_what_it_says()
    {
        var commands = string.Concat(Readme.ShellBlocks.Where(block => block.Contains("curl", StringComparison.Ordinal)));
        Assert.Equal(13, CurlWord().Count(commands));

        var node = managed.Node;
        // The README shows the answers of a new node.
        var script = commands
            .Replace("http://localhost:4000", node.BaseAddress.ToString().TrimEnd('/'), StringComparison.Ordinal)
            .Replace("http://127.0.0.1:8558", node.ManagementAddress.ToString().TrimEnd('/'), StringComparison.Ordinal);
        var (exitCode, output) = await BashAsync(script, node.WorkingDirectory);

        Assert.True(exitCode == 0, output);
        Assert.Contains("\"fence\":1", output, StringComparison.Ordinal);
        Assert.Contains("\"active_count\":2", output, StringComparison.Ordinal);
        Assert.Contains("\"released_at\":", output, StringComparison.Ordinal);
        Assert.Contains("\"cleared_tokens\":1", output, StringComparison.Ordinal);
        Assert.Contains("\"status\":\"healthy\"", output, StringComparison.Ordinal);
        Assert.Contains("\"selfNode\":", output, StringComparison.Ordinal);
        Assert.Contains("\"in_flight\":0", output, StringComparison.Ordinal);
    }

    /// <summary>Those that take a member out of a cluster are run by ThreeNodesTests.</summary>
    [Fact]
    public async Task Every_command_of_the_readme_that_looks_or_clears_does_what_it_says()
    {
        Assert.Equal(
            ["cluster show", "cluster leave", "cluster down", "tokens status", "tokens show", "tokens clear"],
            Readme.NodeCommands.Select(command => string.Join(' ', command[..2])));

        var node = managed.Node;
        using var list = await node.Client.GetAsync(new Uri("/api/tokens", UriKind.Relative));
        var token = (await list.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data")[0].GetProperty("id").GetString()!;
        foreach (var command in Readme.NodeCommands.Where(command => command[1] is not ("leave" or "down")))
        {
            await using var run = NodeProcess.Launch(new NodeSettings
            {
                Arguments = [.. command.Select(word => Guid.TryParse(word, out _) ? token : word)],
                Configuration = new Dictionary<string, string> { ["TokenManager:Management:Url"] = node.ManagementAddress.ToString() },
            });
            Assert.Equal(0, await run.WaitForExitAsync());
            Assert.NotEmpty(run.Output);
            Assert.Empty(run.Errors);
        }
    }

    [Fact]
    public void The_configuration_table_names_every_key_with_its_default()
    {
        var rows = TableRow().Matches(Readme.Text).ToDictionary(
            match => match.Groups["key"].Value.Split('/')[0].Trim(' ', '`'),
            match => match.Groups["default"].Value.Trim(' ', '`'));

        foreach (var key in ConfigurationKeys.All)
        {
            var name = key == ConfigurationKeys.Urls ? "ASPNETCORE_URLS" : key.Name;
            Assert.True(rows.TryGetValue(name, out var value), $"The README does not name {name}.");
            Assert.Equal(key.Default.Length == 0 ? "empty" : key.Default, value);
        }
    }

    private static async Task<(int ExitCode, string Output)> BashAsync(string script, string folder)
    {
        var start = new ProcessStartInfo("bash", ["-euo", "pipefail", "-c", script])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var bash = Process.Start(start)!;
        var output = bash.StandardOutput.ReadToEndAsync();
        var errors = bash.StandardError.ReadToEndAsync();
        await bash.WaitForExitAsync();
        return (bash.ExitCode, await output + await errors);
    }

    [GeneratedRegex(@"\bcurl ")]
    private static partial Regex CurlWord();

    [GeneratedRegex(@"^\| (?<key>`[^|]+) \| (?<default>[^|]+) \| [^|\n]+ \|$", RegexOptions.Multiline)]
    private static partial Regex TableRow();

    /// <summary>A node whose management API is on.</summary>
    public sealed class ManagedNode : IAsyncLifetime
    {
        public NodeProcess Node { get; private set; } = null!;

        public async Task InitializeAsync() => Node = await NodeProcess.StartAsync(new NodeSettings
        {
            Configuration = new Dictionary<string, string> { ["TokenManager:Management:Url"] = "http://127.0.0.1:0" },
        });

        public async Task DisposeAsync() => await Node.DisposeAsync();
    }
}
