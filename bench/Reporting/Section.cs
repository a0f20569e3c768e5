namespace TokenManager.Bench.Reporting;

/// <summary>What one measurement has found out.</summary>
internal sealed class Section(string name)
{
    private readonly List<Figure> _figures = [];
    private readonly List<Target> _targets = [];
    private readonly List<string> _notes = [];

    public string Name => name;

    /// <summary>How it was measured, in a few sentences.</summary>
    public string Method { get; set; } = "";

    public IReadOnlyList<Figure> Figures => _figures;

    public IReadOnlyList<Target> Targets => _targets;

    public IReadOnlyList<string> Notes => _notes;

    public Figure Add(string what, string unit, params IEnumerable<double> rounds)
    {
        var figure = new Figure(what, unit, [.. rounds]);
        _figures.Add(figure);
        return figure;
    }

    public void AtLeast(string what, double measured, double bound, double? aim = null, string unit = "") =>
        _targets.Add(new Target(what, measured, unit, IsFloor: true, bound, aim));

    public void AtMost(string what, double measured, double bound, double? aim = null, string unit = "") =>
        _targets.Add(new Target(what, measured, unit, IsFloor: false, bound, aim));

    public void Note(string note) => _notes.Add(note);
}
