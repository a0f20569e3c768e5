using System.Globalization;
using System.Text;
using TokenManager.Faults.Checks;
using TokenManager.Faults.History;
using TokenManager.Testing;

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
            + $"{evidence.Rows.Count} usages; of {Due(evidence, calm: true).Count} that expired with no fault about the latest was released {Latest(evidence, calm: true):0.000} s late, "
            + $"of {Due(evidence, calm: false).Count} others {Latest(evidence, calm: false):0.000} s; {Resolved(evidence)} activations whose outcome nobody knew were asked for again and found granted");
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
        Line($"| fault | times | requests meanwhile | without an answer or unavailable |");
        Line($"|---|---:|---:|---:|");
        foreach (var nemesis in evidence.Faults.GroupBy(fault => fault.Nemesis).OrderBy(faults => faults.Key, StringComparer.Ordinal))
        {
            var meanwhile = evidence.Operations.Where(operation => nemesis.Any(fault => fault.Began <= operation.Completed && operation.Invoked <= fault.Recovered)).ToList();
            Line($"| {nemesis.Key} | {nemesis.Count()} | {meanwhile.Count} | {meanwhile.Count(operation => operation.Answer is Answer.Nothing or Answer.Unavailable)} |");
        }

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
    private static double Latest(Evidence evidence, bool calm) =>
        Due(evidence, calm).Select(row => (row.Ended!.Value - row.Expires) / 1e6).DefaultIfEmpty().Max();

    private static List<Row> Due(Evidence evidence, bool calm) =>
        [.. evidence.Rows.Where(row => row.Reason is "expired" && Endings.IsCalm(evidence, row.Expires - evidence.Epoch) == calm)];

    private static int Resolved(Evidence evidence) => evidence.Operations
        .Where(operation => operation.Kind is Kind.Activate)
        .GroupBy(operation => operation.Usage)
        .Count(requests => requests.OrderBy(request => request.Invoked).SkipWhile(request =>
            request.Answer is not (Answer.Nothing or Answer.Unavailable { MayHaveHappened: true })).Any(request => request.Answer is Answer.Granted));
}
