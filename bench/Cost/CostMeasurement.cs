using System.Text.Json;
using TokenManager.Bench.Activations;
using TokenManager.Bench.Driver;
using TokenManager.Bench.Reads;
using TokenManager.Bench.Reporting;

namespace TokenManager.Bench.Cost;

/// <summary>What a node costs: at its start, at rest, and for each answer.</summary>
internal sealed class CostMeasurement : Measurement
{
    private const int DefaultPool = 100;
    private const int Readers = 64;
    private const int Callers = 32;
    private const double BytesInKilobyte = 1024;
    private const double BytesInMegabyte = 1e6;
    private const double MostAtRest = 150;

    public override string Name => "cost";

    public override string What => "processor time and allocation of an answer, memory at rest, start";

    public override async Task MeasureAsync(Stage stage, Section section)
    {
        section.Method = Invariant(
            $"""
            Of the node's process alone; the database's work is not in it. Processor time is what Linux counts for the process,
            allocation what the runtime's event pipe counts, in whole seconds, of which two may be at rest; both over the answers. Reads with {Readers} connections on a pool of {DefaultPool}; activations with
            {Callers} callers on a pool of {stage.Extent.LargePool:#,0} whose tokens are awake. At rest: ready, a pool of {DefaultPool}, nobody calls;
            resident memory as it is, without asking for a collection. Start is from the process's start until it is ready: *first* on an empty
            database, *again* on its own tables.
            """);
        await MeasureNodeAsync(stage, section);
        await MeasureActivationsAsync(stage, section);
    }

    private static async Task MeasureNodeAsync(Stage stage, Section section)
    {
        using var database = await stage.DatabaseAsync();
        var settings = database.Node(DefaultPool, Stage.LongLease);
        var started = TimeProvider.System.GetTimestamp();
        var node = await stage.NodeAsync(settings);
        section.Add("start to ready, first", "s", TimeProvider.System.GetElapsedTime(started).TotalSeconds);

        var (starts, resident) = (new List<double>(), new List<double>());
        for (var round = 0; round < stage.Extent.Rounds; round++)
        {
            await node.TerminateAsync();
            started = TimeProvider.System.GetTimestamp();
            node.Relaunch();
            await node.WaitReadyAsync();
            starts.Add(TimeProvider.System.GetElapsedTime(started).TotalSeconds);
            await Task.Delay(stage.Extent.Settle / 3, stage.Stop);
            resident.Add(node.ResidentMemory / BytesInMegabyte);
        }

        section.Add("start to ready, again", "s", starts);
        var memory = section.Add("resident memory at rest", "MB", resident);
        section.AtMost(memory, MostAtRest);

        await using var meter = new Meter(node);
        var atRest = await meter.MeasureRestAsync(stage.Stop);
        section.Add("at rest, processor", "ms/s", atRest.Milliseconds);
        section.Add("at rest, allocated", "KB/s", atRest.Bytes / BytesInKilobyte);
        await Load.RunAsync(node.BaseAddress, Activating.Callers(1), new Turns(calls: DefaultPool / 2), stage.Stop);
        var list = CapturedAnswer.Capture(node.BaseAddress, "/api/tokens");
        using var json = JsonDocument.Parse(list.Body);
        var token = json.RootElement.GetProperty("data")[0].GetProperty("id").GetString();
        foreach (var (name, answer) in new[]
        {
            ("details", CapturedAnswer.Capture(node.BaseAddress, $"/api/tokens/{token}")),
            ("list", list),
            ("list, 304", CapturedAnswer.Capture(node.BaseAddress, "/api/tokens", unless: list)),
        })
        {
            await Load.RunAsync(node.BaseAddress, answer.Callers(Readers), new Turns(stage.Extent.WarmUp), stage.Stop);
            await MeasureAsync(stage, section, name, meter, () => Load.RunAsync(
                node.BaseAddress, answer.Callers(Readers), new Turns(stage.Extent.Turn), stage.Stop));
        }

        await Task.Delay(stage.Extent.Settle, stage.Stop);
        section.Add("resident memory at rest after all these reads", "MB", node.ResidentMemory / BytesInMegabyte);
    }

    private static async Task MeasureActivationsAsync(Stage stage, Section section)
    {
        using var database = await stage.DatabaseAsync();
        var pool = stage.Extent.LargePool;
        var node = await stage.NodeAsync(database.Node(pool, Stage.LongLease));
        using var contender = new HttpContender("node", node.BaseAddress, pool, database.ConnectionString);
        await contender.StartColdAsync(stage);
        await using var meter = new Meter(node);
        await MeasureAsync(
            stage,
            section,
            "activation",
            meter,
            () => Load.RunAsync(node.BaseAddress, Activating.Callers(Callers), new Turns(stage.Extent.Turn, pool), stage.Stop),
            before: async () =>
            {
                await contender.ClearAsync(stage);
                await stage.TidyAsync(database.ConnectionString);
            });
    }

    private static async Task MeasureAsync(
        Stage stage,
        Section section,
        string name,
        Meter meter,
        Func<Task<LoadResult>> load,
        Func<Task>? before = null)
    {
        var (milliseconds, bytes) = (new List<double>(), new List<double>());
        for (var round = 1; round <= stage.Extent.Rounds; round++)
        {
            if (before is not null) await before();
            var (_, ofProcessor, allocated) = await meter.MeasureCallAsync(load);
            milliseconds.Add(ofProcessor);
            bytes.Add(allocated);
            stage.Say(Invariant($"cost: {name}, round {round} of {stage.Extent.Rounds}: {milliseconds[^1]:0.0000} ms, {bytes[^1]:0} bytes"));
        }

        section.Add($"{name}, processor", "ms", milliseconds);
        section.Add($"{name}, allocated", "bytes", bytes);
    }
}
