using System.Globalization;
using System.Text;

namespace TokenManager.Bench.Reporting;

/// <summary>The report as people read it.</summary>
internal static class MarkdownReport
{
    public static string Of(Report report)
    {
        var text = new StringBuilder();
        var machine = report.Machine;
        Line($"# Token Manager measured, {report.StartedAt:yyyy-MM-dd HH:mm} UTC");
        Line($"");
        Line($"Commit {report.Commit}. {machine.Processor}, {machine.Cores} cores, {machine.MemoryInGibibytes} GiB, {machine.Kernel}, databases on {machine.FileSystem}, where 8 KB are durable after {Number(machine.FsyncMicroseconds)} µs.");
        Line($"{report.Runtime}, PostgreSQL {report.Postgres ?? "not used"}, Redis {report.Redis ?? "not found"}.");
        Line($"A {report.Extent} run{(report.Extent == Extent.Short.Name ? ": it shows that everything works; its figures say little" : "")}.");
        Line($"Median and spread are over rounds in which everything that is compared takes its turn.");

        foreach (var section in report.Sections)
        {
            Line($"\n## {section.Name}\n\n{section.Method}");
            if (section.Failure is { } failure) Line($"\n**Failed:** {failure}");
            if (section.Targets.Count > 0) Line($"\n| target | measured | from – to | rounds | must be | aim | |\n|---|---:|---:|---:|---:|---:|---|");
            foreach (var target in section.Targets)
            {
                var sign = target.IsFloor ? "≥" : "≤";
                var verdict = (target.Holds, target.ReachesAim) switch
                {
                    _ when section.Failure is not null => "counts for nothing",
                    (false, _) => "**missed**",
                    (true, true) => "holds, aim reached",
                    _ => "holds",
                };
                var (figure, unit) = (target.Figure, target.Figure.Unit is "ratio" ? "" : target.Figure.Unit);
                Line($"| {figure.Name} | {Number(figure.Median)} {unit} | {Number(figure.Least)} – {Number(figure.Most)} | {figure.Rounds.Count} | {sign} {Number(target.Bound)} | {(target.Aim is { } aim ? $"{sign} {Number(aim)}" : "")} | {verdict} |");
            }

            if (section.Figures.Count > 0) Line($"\n| figure | median | least | most | unit | rounds |\n|---|---:|---:|---:|---|---:|");
            foreach (var figure in section.Figures)
                Line($"| {figure.Name} | {Number(figure.Median)} | {Number(figure.Least)} | {Number(figure.Most)} | {figure.Unit} | {figure.Rounds.Count} |");
            foreach (var note in section.Notes) Line($"\n{note}");
        }

        return text.ToString();

        void Line(FormattableString line) => text.Append(Invariant(line)).Append('\n');
    }

    // Three digits that count, and no more than the measurement can carry.
    private static string Number(double value)
    {
        var format = Math.Abs(value) switch
        {
            0 => "0",
            < 0.1 => "0.0000",
            < 1 => "0.000",
            < 10 => "0.00",
            < 100 => "0.0",
            _ => "#,0",
        };
        return value.ToString(format, CultureInfo.InvariantCulture);
    }
}
