using System.Diagnostics;
using TokenManager.Testing;

namespace TokenManager.Bench.Peers;

/// <summary>A peer as a process of its own: this executable again, with the hidden command. It ends with its standard input.</summary>
internal sealed class PeerProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartsWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan EndsWithin = TimeSpan.FromSeconds(30);

    private readonly Process _process;

    private PeerProcess(Process process, Uri address)
    {
        _process = process;
        Address = address;
    }

    public Uri Address { get; }

    public int ProcessId => _process.Id;

    /// <summary>Starts a peer and waits until it listens.</summary>
    public static async Task<PeerProcess> StartAsync(string kind, params string[] arguments)
    {
        var start = new ProcessStartInfo(
            "dotnet", [typeof(PeerProcess).Assembly.Location, PeerCommand.Name, kind, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        NodeProcess.WithoutForeignSettings(start);
        foreach (var setting in NodeProcess.RuntimeSettings.Keys) start.Environment.Remove(setting);
        var process = Process.Start(start)!;
        var line = await process.StandardOutput.ReadLineAsync().WaitAsync(StartsWithin);
        return Uri.TryCreate(line, UriKind.Absolute, out var address)
            ? new PeerProcess(process, address)
            : throw new InvalidOperationException($"The peer {kind} did not start: {line}");
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        using (var limit = new CancellationTokenSource(EndsWithin))
        {
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill();
            }
        }

        _process.Dispose();
    }
}
