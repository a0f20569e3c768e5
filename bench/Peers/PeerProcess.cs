using System.Diagnostics;

namespace TokenManager.Bench.Peers;

/// <summary>A peer as a process of its own: this executable again, with the hidden command. It ends with its standard input.</summary>
internal sealed class PeerProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartsWithin = TimeSpan.FromSeconds(30);

    private readonly Process _process;

    private PeerProcess(Process process, Uri address)
    {
        _process = process;
        Address = address;
    }

    public Uri Address { get; }

    /// <summary>Starts a peer and waits until it listens.</summary>
    public static async Task<PeerProcess> StartAsync(string kind, params string[] arguments)
    {
        var process = Process.Start(new ProcessStartInfo(
            "dotnet", [typeof(PeerProcess).Assembly.Location, PeerCommand.Name, kind, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        var line = await process.StandardOutput.ReadLineAsync().WaitAsync(StartsWithin);
        return Uri.TryCreate(line, UriKind.Absolute, out var address)
            ? new PeerProcess(process, address)
            : throw new InvalidOperationException($"The peer {kind} did not start: {line}");
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
