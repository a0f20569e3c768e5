using System.Diagnostics;
using System.Text.RegularExpressions;
using TokenManager.Testing;

namespace TokenManager.Node.Tests;

/// <summary>What the README says is what happens. (Its two dotnet commands are run by .ci/run.)</summary>
public sealed partial class ReadmeTests
{
    private static readonly string Readme = File.ReadAllText(Path.Combine(Repository(), "README.md"));

    [Fact]
    public async Task Every_curl_of_the_readme_does_what_it_says()
    {
        var commands = string.Concat(
            ShellBlock().Matches(Readme).Select(match => match.Groups[1].Value).Where(block => block.Contains("curl", StringComparison.Ordinal)));
        Assert.Equal(11, CurlWord().Count(commands));

        await using var node = await NodeProcess.StartAsync();
        var script = commands.Replace("http://localhost:4000", node.BaseAddress.ToString().TrimEnd('/'), StringComparison.Ordinal);
        var (exitCode, output) = await BashAsync(script, node.WorkingDirectory);

        Assert.True(exitCode == 0, output);
        Assert.Contains("\"fence\":1", output, StringComparison.Ordinal);
        Assert.Contains("\"active_count\":2", output, StringComparison.Ordinal);
        Assert.Contains("\"released_at\":", output, StringComparison.Ordinal);
        Assert.Contains("\"cleared_tokens\":1", output, StringComparison.Ordinal);
        Assert.Contains("\"status\":\"healthy\"", output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_configuration_table_names_every_key_with_its_default()
    {
        var rows = TableRow().Matches(Readme).ToDictionary(
            match => match.Groups["key"].Value.Split('/')[0].Trim(' ', '`'),
            match => match.Groups["default"].Value.Trim(' ', '`'));

        foreach (var key in ConfigurationKeys.All.Where(key => key.Name != "TokenManager:Management:Url"))
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

    private static string Repository()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "TokenManager.sln")))
            folder = Path.GetDirectoryName(folder)!;
        return folder;
    }

    [GeneratedRegex("^```sh\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex ShellBlock();

    [GeneratedRegex(@"\bcurl ")]
    private static partial Regex CurlWord();

    [GeneratedRegex(@"^\| (?<key>`[^|]+) \| (?<default>[^|]+) \|", RegexOptions.Multiline)]
    private static partial Regex TableRow();
}
