namespace TokenManager.Cluster.Drills;

/// <summary>A platform ends the node with the pool.</summary>
internal static class StopDrill
{
    public static Drill Drill { get; } = new("stop", "SIGTERM to the node with the pool, one of three", RunAsync);

    private static Task RunAsync(Stage stage) => Departure.DoAsync(stage, Drill.Name, (_, node) =>
    {
        node.Process.Terminate();
        return Task.CompletedTask;
    });
}
