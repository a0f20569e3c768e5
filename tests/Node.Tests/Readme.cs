using System.Text.RegularExpressions;

namespace TokenManager.Node.Tests;

/// <summary>The README, and the commands in it.</summary>
internal static partial class Readme
{
    public const string NodeCommand = "dotnet run --project src/Node -- ";

    public static string Text { get; } = File.ReadAllText(Path.Combine(Repository(), "README.md"));

    /// <summary>Every block of shell, in order.</summary>
    public static IReadOnlyList<string> ShellBlocks { get; } =
        [.. ShellBlock().Matches(Text).Select(match => match.Groups[1].Value)];

    /// <summary>What is said to the node's executable, line by line, as arguments.</summary>
    public static IReadOnlyList<string[]> NodeCommands { get; } =
    [
        .. ShellBlocks.SelectMany(block => block.Split('\n'))
            .Where(line => line.StartsWith(NodeCommand, StringComparison.Ordinal))
            .Select(line => line[NodeCommand.Length..].Split(' ')),
    ];

    private static string Repository()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "TokenManager.sln")))
            folder = Path.GetDirectoryName(folder)!;
        return folder;
    }

    [GeneratedRegex("^```sh\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex ShellBlock();
}
