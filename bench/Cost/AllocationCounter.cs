using System.Diagnostics.Tracing;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing;

namespace TokenManager.Bench.Cost;

/// <summary>Adds up what another .NET process allocates, as its runtime counts it, second by second.</summary>
internal sealed class AllocationCounter : IAsyncDisposable
{
    private const string Counter = "alloc-rate";
    private static readonly TimeSpan TickWithin = TimeSpan.FromSeconds(10);

    private readonly EventPipeSession _session;
    private readonly Task _reading;
    private readonly Lock _turn = new();
    private double _bytes;
    private TaskCompletionSource _tick = NewTick();

    private AllocationCounter(EventPipeSession session)
    {
        _session = session;
        _reading = Task.Factory.StartNew(Read, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Begins to count.</summary>
    public static AllocationCounter Start(int process) => new(new DiagnosticsClient(process).StartEventPipeSession(
        new EventPipeProvider(
            "System.Runtime",
            EventLevel.Informational,
            (long)EventKeywords.None,
            new Dictionary<string, string> { ["EventCounterIntervalSec"] = "1" }),
        requestRundown: false));

    /// <summary>Waits for the next second's end; the bytes of all seconds since the beginning.</summary>
    public async Task<double> NextAsync()
    {
        Task tick;
        lock (_turn) tick = _tick.Task;
        await tick.WaitAsync(TickWithin);
        lock (_turn) return _bytes;
    }

    public async ValueTask DisposeAsync()
    {
        _session.Stop();
        await _reading;
        _session.Dispose();
    }

    private static TaskCompletionSource NewTick() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Read()
    {
        using var source = new EventPipeEventSource(_session.EventStream);
        source.Dynamic.All += written =>
        {
            if (written.EventName != "EventCounters") return;

            var counter = (IDictionary<string, object>)((IDictionary<string, object>)written.PayloadValue(0))["Payload"];
            if ((string)counter["Name"] == Counter) Add((double)counter["Increment"]);
        };
        source.Process();
    }

    private void Add(double bytes)
    {
        lock (_turn)
        {
            _bytes += bytes;
            _tick.SetResult();
            _tick = NewTick();
        }
    }
}
