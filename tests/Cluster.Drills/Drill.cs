namespace TokenManager.Cluster.Drills;

/// <summary>Something that is done to a running cluster, and what is measured meanwhile.</summary>
/// <param name="Name">The word for the command line.</param>
/// <param name="What">In a sentence.</param>
/// <param name="RunAsync">Does it, and reports figures.</param>
internal sealed record Drill(string Name, string What, Func<Stage, Task> RunAsync)
{
    public static IReadOnlyList<Drill> All { get; } =
    [
        PropagationDrill.Drill,
        StopDrill.Drill,
        LeaveDrill.Drill,
        KillDrill.Drill,
        FreezeDrill.Drill,
        RollDrill.Drill,
        TwoDrill.Drill,
        PartitionDrill.Drill,
    ];
}
