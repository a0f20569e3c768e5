using System.CommandLine;
using System.Diagnostics;
using System.Reflection;
using TokenManager.Bench.Activations;
using TokenManager.Bench.Cost;
using TokenManager.Bench.Growth;
using TokenManager.Bench.Lateness;
using TokenManager.Bench.Micro;
using TokenManager.Bench.Peers;
using TokenManager.Bench.Reads;
using TokenManager.Bench.Reporting;

namespace TokenManager.Bench;

/// <summary>The command line.</summary>
internal static class Commands
{
    private const int Failed = 1;
    private const int Usage = 2;
    private static readonly TimeSpan EndsWithin = TimeSpan.FromMinutes(2);

    private static readonly Option<bool> Short = new("--short")
    {
        Description = "A smoke run: small numbers that show that everything works, without micro unless it is asked for",
        Recursive = true,
    };

    private static readonly Option<string> Output = new("--output")
    {
        Description = "The folder for the report, in Markdown and in JSON",
        DefaultValueFactory = _ => "bench-results",
        HelpName = "folder",
        Recursive = true,
    };

    private static readonly Option<bool> Strict = new("--strict")
    {
        Description = "Exit code 1 also when a target is missed",
        Recursive = true,
    };

    private static readonly Measurement[] Measurements =
    [
        new ReadsMeasurement(),
        new ActivationsMeasurement(),
        new GrowthMeasurement(),
        new LatenessMeasurement(),
        new CostMeasurement(),
        new MicroMeasurement(),
    ];

    public static Task<int> RunAsync(string[] arguments)
    {
        var root = new RootCommand(
            "Measures the node that is built with it against what people would use instead. Exit code 1 when an answer was "
            + "wrong or a measurement failed; a missed target is reported. Without a command: all.")
        {
            Short,
            Output,
            Strict,
        };
        root.SetAction((parsed, stop) => MeasureAsync(parsed, All(parsed), stop));
        foreach (var measurement in Measurements)
        {
            var command = new Command(measurement.Name, measurement.What);
            command.SetAction((parsed, stop) => MeasureAsync(parsed, [measurement], stop));
            root.Add(command);
        }

        var all = new Command("all", "Everything above, one after the other");
        all.SetAction((parsed, stop) => MeasureAsync(parsed, All(parsed), stop));
        root.Add(all);

        var peer = PeerCommand.Create();
        peer.Hidden = true;
        root.Add(peer);
        // Whoever ends it early still gets a report of what was measured, and nothing is left running.
        return root.Parse(arguments).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = EndsWithin });
    }

    private static Measurement[] All(ParseResult parsed) =>
        parsed.GetValue(Short) ? [.. Measurements.Where(measurement => measurement is not MicroMeasurement)] : Measurements;

    private static async Task<int> MeasureAsync(ParseResult parsed, Measurement[] measurements, CancellationToken stop)
    {
        if (typeof(Commands).Assembly.GetCustomAttribute<DebuggableAttribute>()?.IsJITOptimizerDisabled is true)
        {
            Console.Error.WriteLine("This is a debug build, and measures nothing: dotnet run -c Release --project bench");
            return Usage;
        }

        var extent = parsed.GetValue(Short) ? Extent.Short : Extent.Full;
        var progress = new Progress();
        var report = await Report.BeginAsync(extent.Name);
        foreach (var measurement in measurements)
        {
            progress.Say($"{measurement.Name}: {measurement.What}");
            var section = new Section(measurement.Name);
            report.Add(section);
            try
            {
                await using var stage = new Stage(extent, progress, stop);
                await measurement.MeasureAsync(stage, section);
                await report.LearnVersionsAsync(stage);
            }
            catch (Exception failure)
            {
                progress.Say($"{measurement.Name}: {failure}");
                section.Fail(failure.Message.Split('\n')[0]);
            }

            // Whatever becomes of the next one.
            report.Write(parsed.GetRequiredValue(Output));
            if (stop.IsCancellationRequested) break;
        }

        Console.WriteLine($"\n{MarkdownReport.Of(report)}");
        progress.Say($"the report is in {string.Join(" and ", report.Write(parsed.GetRequiredValue(Output)))}");
        return report.Failures.Any() || (parsed.GetValue(Strict) && report.Missed.Any()) ? Failed : 0;
    }
}
