using TokenManager.Node.Terminal;

namespace TokenManager.Node.Tests.Terminal;

/// <summary>What a command left behind.</summary>
internal sealed record TerminalRun(int ExitCode, string Output, string Errors)
{
    /// <summary>Runs a command in this process.</summary>
    public static async Task<TerminalRun> OfAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        var exitCode = await Commands.RunAsync(arguments, output, errors);
        return new TerminalRun(exitCode, output.ToString(), errors.ToString());
    }

    /// <summary>The words of the line that begins with a word.</summary>
    public string[] Line(string firstWord) => Output.Split('\n')
        .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .First(words => words is [var first, ..] && first == firstWord);
}
