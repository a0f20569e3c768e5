using System.Diagnostics;
using TokenManager.Testing;

namespace TokenManager.Bench.Peers;

/// <summary>A private Redis that has written each command to the disk before it answers. It ends with this process.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private const string Program = "redis-server";

    // Waits for the end of its input, which is the end of this process at the latest.
    private const string Guard = """redis-server "$@" > /dev/null & pid=$!; cat > /dev/null; kill $pid; wait $pid""";

    private readonly Process _guard;
    private readonly TemporaryFolder _folder = new();

    private RedisServer()
    {
        var port = FreePorts.Next();
        Connection = Invariant($"127.0.0.1:{port},abortConnect=false");
        _guard = Process.Start(new ProcessStartInfo(
            "sh",
            [
                "-c", Guard, Program,
                "--port", Invariant($"{port}"), "--bind", "127.0.0.1", "--dir", _folder.File(""),
                "--appendonly", "yes", "--appendfsync", "always", "--save", "",
            ])
        {
            RedirectStandardInput = true,
        })!;
    }

    /// <summary>For clients.</summary>
    public string Connection { get; }

    /// <summary>The version of what is installed; null if nothing is.</summary>
    public static async Task<string?> VersionAsync()
    {
        var text = await Shell.TryReadAsync(Program, "--version");
        return text?.Split(' ').FirstOrDefault(word => word.StartsWith("v=", StringComparison.Ordinal))?[2..];
    }

    public static RedisServer Start() => new();

    public async ValueTask DisposeAsync()
    {
        _guard.StandardInput.Close();
        await _guard.WaitForExitAsync();
        _guard.Dispose();
        _folder.Dispose();
    }
}
