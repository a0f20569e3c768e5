namespace TokenManager.Bench.Reporting;

/// <summary>A measured value beside what it is to be.</summary>
/// <param name="Figure">What was measured; its median counts.</param>
/// <param name="IsFloor">True: at least; false: at most.</param>
/// <param name="Bound">What must hold.</param>
/// <param name="Aim">What is wished for besides.</param>
internal sealed record Target(Figure Figure, bool IsFloor, double Bound, double? Aim)
{
    public bool Holds => Reaches(Bound);

    public bool? ReachesAim => Aim is { } aim ? Reaches(aim) : null;

    private bool Reaches(double bound) => IsFloor ? Figure.Median >= bound : Figure.Median <= bound;
}
