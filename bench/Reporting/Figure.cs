namespace TokenManager.Bench.Reporting;

/// <summary>Something measured, once in each round.</summary>
internal sealed record Figure(string Name, string Unit, IReadOnlyList<double> Rounds)
{
    public double Median => MedianOf(Rounds);

    public double Least => Rounds.Min();

    public double Most => Rounds.Max();

    public static double MedianOf(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
