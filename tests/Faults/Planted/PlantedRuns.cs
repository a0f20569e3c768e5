using System.Globalization;
using TokenManager.Faults.Checks;
using TokenManager.Faults.Node;

namespace TokenManager.Faults.Planted;

/// <summary>The check of the checks: short runs without any fault from outside, against nodes that are wrong.</summary>
internal static class PlantedRuns
{
    private const int Nodes = 2;
    private const int Tokens = 12;
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Span = TimeSpan.FromSeconds(12);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    /// <summary>Runs each. Whether every one was found by every check that must find it.</summary>
    public static async Task<bool> DoAsync(IReadOnlyList<PlantedFault> faults, Action<string> say, CancellationToken cancellation)
    {
        var table = new List<string> { "| planted fault | what it does | checks that must find it | violations found by check |", "|---|---|---|---|" };
        say("none: a node with nothing wrong, of which the checks must say nothing");
        var control = await new Run(Options(word: null), _ => { }).DoAsync(cancellation);
        var isGood = control.IsGood;
        if (!isGood) say($"  WRONGLY ACCUSED: {string.Join("; ", control.Violations.Values.SelectMany(found => found).Concat(control.Troubles).Take(5))}");
        foreach (var fault in faults.TakeWhile(_ => !cancellation.IsCancellationRequested))
        {
            say($"{fault.Word}: {fault.What}");
            var outcome = await new Run(Options(fault.Word), _ => { }).DoAsync(cancellation);
            var found = Check.All.Where(check => outcome.Violations[check].Count > 0).ToList();
            var missed = fault.Checks.Except(found.Select(check => check.Number)).ToList();
            isGood &= missed.Count == 0;
            table.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"| {fault.Word} | {fault.What} | {string.Join(", ", fault.Checks)} | {string.Join(", ", found.Select(check => $"{check.Number}: {outcome.Violations[check].Count}"))} |"));
            foreach (var check in found)
                say($"  {(fault.Checks.Contains(check.Number) ? "found by" : "also by")} {check}: {outcome.Violations[check].MinBy(violation => violation.Length)}");
            if (missed.Count > 0) say($"  MISSED by check {string.Join(", ", missed)}; {string.Join("; ", outcome.Troubles)}");
        }

        var never = Check.All.Select(check => check.Number).Except(PlantedFault.All.SelectMany(fault => fault.Checks)).ToList();
        if (never.Count > 0) say($"no planted fault is for check {string.Join(", ", never)}");
        Console.WriteLine($"\n{string.Join('\n', table)}");
        return isGood && never.Count == 0;
    }

    private static RunOptions Options(string? word) => new(
        new ArenaSettings(Nodes, Tokens, Lease)
        {
            Assembly = word is null ? null : typeof(Defects).Assembly.Location,
            Environment = word is null ? new Dictionary<string, string?>() : new Dictionary<string, string?> { [Defects.Variable] = word },
        },
        Span,
        [],
        Seed: 1)
    {
        Patience = Patience,
    };
}
