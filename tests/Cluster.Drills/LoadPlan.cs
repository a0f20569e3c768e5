namespace TokenManager.Cluster.Drills;

/// <summary>How often what is sent to each target. Requests start on time, whether or not earlier ones have been answered.</summary>
/// <param name="Activations">The interval of activations for new users.</param>
/// <param name="Details">The interval of reads of one token.</param>
/// <param name="Lists">The interval of reads of the whole pool.</param>
/// <param name="Clears">The interval of clears; null for none.</param>
internal sealed record LoadPlan(TimeSpan Activations, TimeSpan Details, TimeSpan Lists, TimeSpan? Clears = null)
{
    /// <summary>Whatever happens, the traffic ends after this.</summary>
    public static readonly TimeSpan AtMost = TimeSpan.FromMinutes(4);

    /// <summary>For each of three nodes.</summary>
    public static LoadPlan Steady { get; } = new(
        Activations: TimeSpan.FromMilliseconds(75),
        Details: TimeSpan.FromMilliseconds(50),
        Lists: TimeSpan.FromMilliseconds(250));
}
