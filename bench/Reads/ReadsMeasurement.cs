using System.Text.Json;
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

    public override string Name => "reads";

    public override string What => "details, list and 304 beside a Kestrel that answers constants";

    public override async Task MeasureAsync(Stage stage, Section section)
    {
        section.Method =
            $"A pool of {Pool} tokens, {Active} of them lent; {Connections} connections, each asking again when it is answered. The "
            + "floor is a Kestrel with the node's limits whose one delegate writes the node's own bytes and headers, captured "
            + "beforehand. Every body is compared byte by byte. Driver, node and floor share the machine.";

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
            foreach (var target in new[] { node.BaseAddress, floor.Address })
                await Load.RunAsync(target, answer.Callers(Connections), new Turns(stage.Extent.WarmUp), stage.Stop);

            var pairs = new List<(LoadResult Node, LoadResult Floor)>();
            for (var round = 1; round <= stage.Extent.Rounds; round++)
            {
                var ofNode = await RunAsync(stage, node.BaseAddress, answer);
                var ofFloor = await RunAsync(stage, floor.Address, answer);
                pairs.Add((ofNode, ofFloor));
                stage.Say(Invariant(
                    $"reads: {name}, round {round} of {stage.Extent.Rounds}: {ofNode.PerSecond:0}/s, floor {ofFloor.PerSecond:0}/s"));
            }

            Report(section, name, answer.Body.Length, pairs);
        }
    }

    private static Task<LoadResult> RunAsync(Stage stage, Uri target, CapturedAnswer answer) =>
        Load.RunAsync(target, answer.Callers(Connections), new Turns(stage.Extent.Turn), stage.Stop);

    private static void Report(Section section, string name, int bytes, List<(LoadResult Node, LoadResult Floor)> pairs)
    {
        section.Add(Invariant($"{name} ({bytes:#,0} bytes), node"), "requests/s", pairs.Select(pair => pair.Node.PerSecond));
        section.Add($"{name}, floor", "requests/s", pairs.Select(pair => pair.Floor.PerSecond));
        section.Add($"{name}, node, p99", "ms", pairs.Select(pair => pair.Node.At(99)));
        section.Add($"{name}, floor, p99", "ms", pairs.Select(pair => pair.Floor.At(99)));
        var speed = section.Add($"{name}, requests/s of the floor's", "ratio", pairs.Select(pair => pair.Node.PerSecond / pair.Floor.PerSecond));
        var wait = section.Add($"{name}, p99 of the floor's", "ratio", pairs.Select(pair => pair.Node.At(99) / pair.Floor.At(99)));
        section.AtLeast($"{name}: requests/s, of the floor's", speed.Median, 0.90);
        section.AtMost($"{name}: p99, of the floor's", wait.Median, 1.25);
    }

    private static string FirstActive(CapturedAnswer list)
    {
        using var json = JsonDocument.Parse(list.Body);
        return json.RootElement.GetProperty("data").EnumerateArray()
            .First(token => token.GetProperty("status").GetString() is "active").GetProperty("id").GetString()!;
    }
}
