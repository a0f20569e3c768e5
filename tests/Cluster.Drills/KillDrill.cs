namespace TokenManager.Cluster.Drills;

/// <summary>The node with the pool loses its power, again and again.</summary>
internal static class KillDrill
{
    public static Drill Drill { get; } = new("kill", "kill -9 of the node with the pool, one of three", RunAsync);

    private static async Task RunAsync(Stage stage)
    {
        var cluster = await stage.ThreeNodesAsync();
        var kills = new List<Kill>();
        while (kills.Count < stage.Extent.Kills) kills.Add(await Kill.DoAsync(stage, cluster, await cluster.PoolNodeAsync()));
        Kill.Report(stage, Drill, kills);
    }
}
