namespace TokenManager.Bench.Reporting;

/// <summary>A measured value beside what it is to be.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Measured">The median.</param>
/// <param name="Unit">Of all three values.</param>
/// <param name="IsFloor">True: at least; false: at most.</param>
/// <param name="Bound">What must hold.</param>
/// <param name="Aim">What is wished for besides.</param>
internal sealed record Target(string Name, double Measured, string Unit, bool IsFloor, double Bound, double? Aim)
{
    public bool Holds => Reaches(Bound);

    public bool? ReachesAim => Aim is { } aim ? Reaches(aim) : null;

    private bool Reaches(double bound) => IsFloor ? Measured >= bound : Measured <= bound;
}
