using System.Text;

namespace TokenManager.Cluster.Drills;

/// <summary>What was measured and what went wrong, in the order in which it happened.</summary>
internal sealed class Report
{
    private readonly List<Figure> _figures = [];
    private readonly List<string> _failures = [];

    public bool IsGood => _failures.Count == 0 && _figures.All(figure => figure.Holds);

    public IEnumerable<string> Failures =>
        _failures.Concat(_figures.Where(figure => !figure.Holds)
            .Select(figure => $"{figure.Drill}: {figure.What} is {figure.Shown}; allowed is {figure.Allowed}"));

    public void Add(Figure figure) => _figures.Add(figure);

    public void Add(Report other)
    {
        _figures.AddRange(other._figures);
        _failures.AddRange(other._failures);
    }

    public void Fail(string drill, string why) => _failures.Add($"{drill}: {why}");

    /// <summary>A table in Markdown.</summary>
    public string ToMarkdown()
    {
        var table = new StringBuilder("| drill | what | value | at most | holds |\n|---|---|---:|---:|---|\n");
        foreach (var figure in _figures)
            table.Append(
                $"| {figure.Drill} | {figure.What} | {figure.Shown} | {figure.Allowed} | {(figure.Bound is null ? "" : figure.Holds ? "yes" : "**no**")} |\n");
        return table.ToString();
    }
}
