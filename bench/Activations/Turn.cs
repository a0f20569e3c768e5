namespace TokenManager.Bench.Activations;

/// <summary>What one contender did in its turn.</summary>
/// <param name="PerSecond">Activations a second.</param>
/// <param name="Median">Milliseconds; of pgbench the mean, which is all that it says.</param>
/// <param name="P99">Milliseconds; null from pgbench.</param>
internal sealed record Turn(double PerSecond, double Median, double? P99);
