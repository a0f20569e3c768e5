using System.ComponentModel;
using System.Diagnostics;

namespace TokenManager.Testing;

/// <summary>Runs a program of the machine to its end.</summary>
internal static class Shell
{
    /// <summary>What it said; null if there is no such program, or it failed.</summary>
    public static async Task<string?> TryReadAsync(string program, params string[] arguments)
    {
        try
        {
            return await ReadAsync(program, arguments);
        }
        catch (Exception failure) when (failure is Win32Exception or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Runs it for its effect.</summary>
    /// <param name="program">Its name or path.</param>
    /// <param name="arguments">With spaces between them, and none within.</param>
    /// <exception cref="InvalidOperationException">It failed; the message holds what it said.</exception>
    public static Task RunAsync(string program, string arguments) => ReadAsync(program, arguments.Split(' '));

    /// <summary>What it said, on standard output and on standard error.</summary>
    /// <exception cref="InvalidOperationException">It failed; the message holds what it said.</exception>
    public static async Task<string> ReadAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? await output + await error
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with exit code {process.ExitCode}: {await error}{await output}");
    }
}
