using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using System.Globalization;
using TokenManager.Faults.Nemeses;
using TokenManager.Faults.Planted;
using TokenManager.Faults.Reporting;

namespace TokenManager.Faults;

/// <summary>The command line. Exit code 0: nothing was violated; 1: something was; anything else: a wrong command line.</summary>
internal static class Commands
{
    // A partition needs a minority and a majority.
    private const int FewestNodes = 3;
    private const int MostNodes = 9;
    private static readonly long Started = Stopwatch.GetTimestamp();

    public static RootCommand Root
    {
        get
        {
            var nodes = new Option<int>("--nodes") { Description = "How many nodes.", DefaultValueFactory = _ => 3 };
            nodes.Validators.Add(result => Require(result, result.GetValueOrDefault<int>() is >= FewestNodes and <= MostNodes, $"from {FewestNodes} to {MostNodes}"));
            var minutes = new Option<double>("--minutes") { Description = "For how long faults are injected.", DefaultValueFactory = _ => 10 };
            minutes.Validators.Add(result => Require(result, result.GetValueOrDefault<double>() is > 0 and <= 24 * 60, "more than 0, and at most a day"));
            var nemesis = new Option<string>("--nemesis") { Description = "Which faults, with commas between them; all, or none.", DefaultValueFactory = _ => "all" };
            nemesis.Validators.Add(result =>
            {
                if (Named(result.GetValueOrDefault<string>()!) is null)
                    result.AddError($"There is no such fault in {result.GetValueOrDefault<string>()}; there are {string.Join(", ", Nemesis.All.Select(one => one.Name))}.");
            });
            var seed = new Option<int>("--seed") { Description = "Decides what is done when and to whom.", DefaultValueFactory = _ => 1 };
            var tokens = new Option<int>("--tokens") { Description = "How many tokens.", DefaultValueFactory = _ => 30 };
            tokens.Validators.Add(result => Require(result, result.GetValueOrDefault<int>() >= 1, "at least 1"));
            var lease = new Option<double>("--lease") { Description = "Seconds of a lease.", DefaultValueFactory = _ => 3 };
            lease.Validators.Add(result => Require(result, result.GetValueOrDefault<double>() is >= 1 and <= 3600, "from 1 to 3600"));
            var alone = new Option<bool>("--alone") { Description = "Never several faults at once." };
            var output = new Option<string?>("--output") { Description = "A folder for everything about the run, which is kept only if something is wrong otherwise." };

            var root = new RootCommand(
                "Runs clients against a cluster of real node processes, each in a network namespace of its own (needs root, iproute2, "
                + "PostgreSQL and libfaketime), injects faults, and checks the recorded history against ledger and journal.\n\n"
                + string.Join('\n', Nemesis.All.Select(one => $"  {one.Name,-26}{one.What}")))
            {
                nodes, minutes, nemesis, seed, tokens, lease, alone, output,
            };
            root.SetAction((result, cancellation) =>
            {
                var nemeses = Named(result.GetValue(nemesis)!)!;
                var arena = new ArenaSettings(result.GetValue(nodes), result.GetValue(tokens), TimeSpan.FromSeconds(result.GetValue(lease)))
                {
                    HasClocks = nemeses.Any(one => one.Area is Area.Clock),
                };
                var options = new RunOptions(arena, TimeSpan.FromMinutes(result.GetValue(minutes)), nemeses, result.GetValue(seed))
                {
                    Together = !result.GetValue(alone),
                };
                return RunAsync(options, result.GetValue(output), cancellation);
            });
            root.Subcommands.Add(PlantedCommand());
            return root;
        }
    }

    private static Command PlantedCommand()
    {
        var only = new Option<string?>("--only") { Description = "This planted fault alone." };
        only.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } word && PlantedFault.All.All(fault => fault.Word != word))
                result.AddError($"There is no planted fault {word}; there are {string.Join(", ", PlantedFault.All.Select(fault => fault.Word))}.");
        });
        var command = new Command("planted", "Runs nodes with defects that were put into them on purpose, and sees that the checks find each.") { only };
        command.SetAction(async (result, cancellation) =>
            await PlantedRuns.DoAsync(
                [.. PlantedFault.All.Where(fault => result.GetValue(only) is not { } word || fault.Word == word)], Say, cancellation)
                ? 0
                : 1);
        return command;
    }

    private static async Task<int> RunAsync(RunOptions options, string? output, CancellationToken cancellation)
    {
        var outcome = await new Run(options, Say).DoAsync(cancellation);
        var folder = output ?? (outcome.IsGood ? null : Directory.CreateTempSubdirectory("token-manager-faults-").FullName);
        if (folder is not null)
        {
            await RunFolder.WriteAsync(folder, outcome);
            Say($"everything about this run is in {folder}");
        }

        Console.WriteLine($"\n{Summary.Write(outcome)}");
        return outcome.IsGood ? 0 : 1;
    }

    private static IReadOnlyList<Nemesis>? Named(string names)
    {
        if (names == "all") return Nemesis.All;
        if (names == "none") return [];

        var wanted = names.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var found = wanted.Select(name => Nemesis.All.FirstOrDefault(one => one.Name == name)).OfType<Nemesis>().ToList();
        return found.Count == wanted.Length && found.Count > 0 ? found : null;
    }

    private static void Require(OptionResult result, bool isSo, string what)
    {
        if (!isSo) result.AddError($"{result.Option.Name} must be {what}.");
    }

    private static void Say(string line) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(Started).TotalSeconds,7:0.0} s  {line}"));
}
