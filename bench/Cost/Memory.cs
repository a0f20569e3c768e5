using System.Diagnostics.Tracing;
using Microsoft.Diagnostics.NETCore.Client;
using TokenManager.Testing;

namespace TokenManager.Bench.Cost;

/// <summary>What a node keeps in memory, without what it has only not thrown away yet.</summary>
internal static class Memory
{
    // The runtime collects everything when somebody begins to listen with this keyword: dotnet-gcdump works like that.
    private const string Runtime = "Microsoft-Windows-DotNETRuntime";
    private const long CollectHeap = 0x800000;

    private const int BufferInMegabytes = 1;
    private const double Steady = 0.01;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>The resident memory in bytes, once collections that are asked for no longer make it less.</summary>
    public static async Task<long> SettledAsync(Stage stage, NodeProcess node)
    {
        var started = TimeProvider.System.GetTimestamp();
        var least = node.ResidentMemory;
        while (true)
        {
            await CollectAsync(node.ProcessId);
            await Task.Delay(Interval, stage.Stop);
            var now = node.ResidentMemory;
            if (now > least * (1 - Steady) || TimeProvider.System.GetElapsedTime(started) > stage.Extent.Settle) return Math.Min(now, least);
            least = now;
        }
    }

    private static async Task CollectAsync(int process)
    {
        using var session = new DiagnosticsClient(process).StartEventPipeSession(
            new EventPipeProvider(Runtime, EventLevel.Informational, CollectHeap), requestRundown: false, BufferInMegabytes);
        var reading = session.EventStream.CopyToAsync(Stream.Null);
        session.Stop();
        await reading;
    }
}
