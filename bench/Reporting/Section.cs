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

    public void AtLeast(Figure figure, double bound, double? aim = null) =>
        _targets.Add(new Target(figure, IsFloor: true, bound, aim));

    public void AtMost(Figure figure, double bound, double? aim = null) =>
        _targets.Add(new Target(figure, IsFloor: false, bound, aim));

    /// <summary>Why not all of it could be measured, or what was answered wrongly; null if all is well. Then no target holds.</summary>
    public string? Failure { get; private set; }

    public void Fail(string why) => Failure = why;

    public void Note(string note) => _notes.Add(note);
}
