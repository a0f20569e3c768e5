using System.Text.Json;
using TokenManager.Bench.Cost;
using TokenManager.Bench.Driver;
using TokenManager.Bench.Peers;
using TokenManager.Bench.Reporting;
using TokenManager.Testing;

namespace TokenManager.Bench.Reads;

/// <summary>How much of what Kestrel can do at best is left of details and list.</summary>
internal sealed class ReadsMeasurement : Measurement
{
    private const int Pool = 100;
    private const int Active = 40;
    private const int Connections = 64;
    private const double MicrosecondsInMillisecond = 1000;

    public override string Name => "reads";

    public override string What => "details, list and 304 beside a Kestrel that answers constants";

    public override async Task MeasureAsync(Stage stage, Section section)
    {
        section.Method =
            $"A pool of {Pool} tokens, {Active} of them lent; {Connections} connections, each asking again when it is answered. The "
            + "floor is a Kestrel with the node's limits whose one delegate writes the node's own bytes and headers, captured "
            + "beforehand. Every body is compared byte by byte. Driver, node and floor share the machine, so that the driver's own "
            + "work makes the ratio of requests a second better than that of the processor's time for each, which is given too.";

        using var database = await stage.DatabaseAsync();
        var node = await stage.NodeAsync(database.Node(Pool, Stage.LongLease));
        await Load.RunAsync(node.BaseAddress, Activating.Callers(1), new Turns(calls: Active), stage.Stop);
        var list = CapturedAnswer.Capture(node.BaseAddress, "/api/tokens");
        (string Name, CapturedAnswer Answer)[] kinds =
        [
            ("details", CapturedAnswer.Capture(node.BaseAddress, $"/api/tokens/{FirstActive(list)}")),
            ("list", list),
            ("list, If-None-Match", CapturedAnswer.Capture(node.BaseAddress, "/api/tokens", unless: list)),
        ];

        using var folder = new TemporaryFolder();
        var answers = folder.File("answers.json");
        await File.WriteAllTextAsync(answers, JsonSerializer.Serialize(kinds.Select(kind => kind.Answer)), stage.Stop);
        var floor = stage.Keep(await PeerProcess.StartAsync("floor", "--answers", answers));

        foreach (var (name, answer) in kinds)
        {
            stage.Say($"reads: {name}, {answer.Body.Length} bytes: warming up");
            answer.SameAs(CapturedAnswer.Capture(floor.Address, answer.Path, answer.IfNoneMatch is null ? null : list));
            foreach (var target in new[] { node.BaseAddress, floor.Address })
                await Load.RunAsync(target, answer.Callers(Connections), new Turns(stage.Extent.WarmUp), stage.Stop);

            var pairs = new List<(Reading Node, Reading Floor)>();
            for (var round = 1; round <= stage.Extent.Rounds; round++)
            {
                var pair = await PairAsync(round % 2 == 0);
                pairs.Add(pair);
                stage.Say(Invariant(
                    $"reads: {name}, round {round} of {stage.Extent.Rounds}: {pair.Node.PerSecond:0}/s, floor {pair.Floor.PerSecond:0}/s"));
            }

            Report(section, name, answer.Body.Length, pairs);

            // Each comes first in every other round.
            async Task<(Reading Node, Reading Floor)> PairAsync(bool floorFirst)
            {
                if (!floorFirst) return (await OfNodeAsync(), await OfFloorAsync());
                var first = await OfFloorAsync();
                return (await OfNodeAsync(), first);
            }

            Task<Reading> OfNodeAsync() => ReadAsync(stage, node.BaseAddress, node.ProcessId, answer);
            Task<Reading> OfFloorAsync() => ReadAsync(stage, floor.Address, floor.ProcessId, answer);
        }
    }

    private static async Task<Reading> ReadAsync(Stage stage, Uri target, int process, CapturedAnswer answer)
    {
        var (before, driver) = (ProcessCpu.Milliseconds(process), ProcessCpu.Milliseconds(Environment.ProcessId));
        var result = await Load.RunAsync(target, answer.Callers(Connections), new Turns(stage.Extent.Turn), stage.Stop);
        return new Reading(
            result.PerSecond,
            result.At(99),
            (ProcessCpu.Milliseconds(process) - before) * MicrosecondsInMillisecond / result.Calls,
            (ProcessCpu.Milliseconds(Environment.ProcessId) - driver) * MicrosecondsInMillisecond / result.Calls);
    }

    private static void Report(Section section, string name, int bytes, List<(Reading Node, Reading Floor)> pairs)
    {
        section.Add(Invariant($"{name} ({bytes:#,0} bytes), node"), "requests/s", pairs.Select(pair => pair.Node.PerSecond));
        section.Add($"{name}, floor", "requests/s", pairs.Select(pair => pair.Floor.PerSecond));
        section.Add($"{name}, node, p99", "ms", pairs.Select(pair => pair.Node.P99));
        section.Add($"{name}, floor, p99", "ms", pairs.Select(pair => pair.Floor.P99));
        section.Add($"{name}, node, processor", "µs/request", pairs.Select(pair => pair.Node.Processor));
        section.Add($"{name}, floor, processor", "µs/request", pairs.Select(pair => pair.Floor.Processor));
        section.Add($"{name}, driver of the node, processor", "µs/request", pairs.Select(pair => pair.Node.Driver));
        var speed = section.Add($"{name}: requests/s, of the floor's", "ratio", pairs.Select(pair => pair.Node.PerSecond / pair.Floor.PerSecond));
        var wait = section.Add($"{name}: p99, of the floor's", "ratio", pairs.Select(pair => pair.Node.P99 / pair.Floor.P99));
        section.AtLeast(speed, 0.90);
        section.AtMost(wait, 1.25);
    }

    /// <param name="PerSecond">Requests a second.</param>
    /// <param name="P99">Milliseconds.</param>
    /// <param name="Processor">Microseconds of the answering process for each request.</param>
    /// <param name="Driver">The same of the asking process.</param>
    private sealed record Reading(double PerSecond, double P99, double Processor, double Driver);

    private static string FirstActive(CapturedAnswer list)
    {
        using var json = JsonDocument.Parse(list.Body);
        return json.RootElement.GetProperty("data").EnumerateArray()
            .First(token => token.GetProperty("status").GetString() is "active").GetProperty("id").GetString()!;
    }
}
