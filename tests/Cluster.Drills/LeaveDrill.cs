namespace TokenManager.Cluster.Drills;

/// <summary>An operator lets the node with the pool leave the cluster, through another node.</summary>
internal static class LeaveDrill
{
    public static Drill Drill { get; } = new("leave", "the management API tells the node with the pool to leave, one of three", RunAsync);

    private static Task RunAsync(Stage stage) => Departure.DoAsync(stage, Drill.Name, (cluster, node) =>
        cluster.Except(node)[0].Management.LeaveAsync(node.Place.Cluster));
}
