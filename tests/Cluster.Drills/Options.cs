namespace TokenManager.Cluster.Drills;

/// <summary>The command line.</summary>
internal sealed record Options(IReadOnlyList<Drill> Drills, Extent Extent, string? Logs, bool WantsHelp)
{
    public static string Help =>
        $"""
        Starts clusters of real node processes on a PostgreSQL of its own, does to them what happens in production, and
        prints what it measured as a table. Exit code 0 if every bound holds, 1 if not, 2 for a wrong command line.

        Usage: dotnet run -c Release --project tests/Cluster.Drills -- [--only NAME,NAME] [--short] [--logs FOLDER]

          --only    these drills alone
          --short   once instead of ten times, seconds instead of a minute
          --logs    keep what the nodes say, a file for each

        {string.Join('\n', Drill.All.Select(drill => $"  {drill.Name,-12}{drill.What}"))}
        """;

    /// <summary>The options, or what is wrong with the arguments.</summary>
    public static (Options? Options, string? Error) Read(IReadOnlyList<string> arguments)
    {
        var options = new Options(Drill.All, Extent.Full, Logs: null, WantsHelp: false);
        for (var i = 0; i < arguments.Count; i++)
        {
            switch (arguments[i])
            {
                case "--help" or "-h":
                    options = options with { WantsHelp = true };
                    break;
                case "--short":
                    options = options with { Extent = Extent.Short };
                    break;
                case "--logs" when i + 1 < arguments.Count:
                    options = options with { Logs = arguments[++i] };
                    break;
                case "--only" when i + 1 < arguments.Count:
                    var names = arguments[++i].Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
                    if (names.FirstOrDefault(name => Drill.All.All(drill => drill.Name != name)) is { } unknown)
                        return (null, $"There is no drill {unknown}; there are {string.Join(", ", Drill.All.Select(drill => drill.Name))}.");
                    options = options with { Drills = [.. Drill.All.Where(drill => names.Contains(drill.Name))] };
                    break;
                default:
                    return (null, $"{arguments[i]} is not understood; --help says what is.");
            }
        }

        return (options, null);
    }
}
