using System.Globalization;
using System.Text;
using TokenManager.Faults.Checks;
using TokenManager.Faults.History;

namespace TokenManager.Faults.Reporting;

/// <summary>A run in a page: what was done, what was asked, what every check found.</summary>
internal static class Summary
{
    private const int Shown = 3;

    public static string Write(Outcome outcome)
    {
        var evidence = outcome.Evidence;
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{outcome.Options.Arena.Nodes} nodes, {evidence.PoolSize} tokens, leases of {evidence.Lease / 1e6} s, seed {outcome.Options.Seed}: "
            + $"{evidence.Operations.Count} operations and {evidence.Faults.Count} faults in {evidence.Ended / 6e7:0.0} minutes; "
            + $"{evidence.Rows.Count} usages; latest release {Latest(evidence, calm: true):0.000} s with no fault about, {Latest(evidence, calm: false):0.000} s otherwise");
        Line($"");
        Line($"| operation | good | refused | unavailable | no answer | no rule allows |");
        Line($"|---|---|---|---|---|---|");
        foreach (var kind in evidence.Operations.GroupBy(operation => operation.Kind).OrderBy(kind => kind.Key))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {kind.Key} | {kind.Count(IsGood)} | {kind.Count(operation => operation.Answer is Answer.Refused)} "
                + $"| {kind.Count(operation => operation.Answer is Answer.Unavailable)} | {kind.Count(operation => operation.Answer is Answer.Nothing)} "
                + $"| {kind.Count(operation => operation.Answer is Answer.Broken)} |");
        }

        Line($"");
        Line($"| fault | times |");
        Line($"|---|---|");
        foreach (var nemesis in evidence.Faults.CountBy(fault => fault.Nemesis).OrderBy(count => count.Key, StringComparer.Ordinal))
            Line($"| {nemesis.Key} | {nemesis.Value} |");
        Line($"");
        Line($"| check | rule | violations |");
        Line($"|---|---|---|");
        foreach (var check in Check.All) Line($"| {check.Number} | {check.Rule} | {outcome.Violations[check].Count} |");
        Line($"");
        foreach (var trouble in outcome.Troubles) Line($"- {trouble}");
        foreach (var check in Check.All)
        {
            foreach (var violation in outcome.Violations[check].OrderBy(violation => violation.Length).Take(Shown))
                Line($"- {check}: {violation}");
        }

        return text.ToString();

        void Line(FormattableString line) => text.AppendLine(line.ToString(CultureInfo.InvariantCulture));
    }

    private static bool IsGood(Operation operation) =>
        operation.Answer is not (Answer.Refused or Answer.Unavailable or Answer.Nothing or Answer.Broken);

    // Seconds.
    private static double Latest(Evidence evidence, bool calm) => evidence.Rows
        .Where(row => row.Reason is "expired")
        .Where(row => calm == (Endings.Latest(evidence, row.Expires - evidence.Epoch) == row.Expires - evidence.Epoch + Endings.Calm))
        .Select(row => (row.Ended!.Value - row.Expires) / 1e6)
        .DefaultIfEmpty()
        .Max();
}
