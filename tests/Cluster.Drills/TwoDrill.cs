namespace TokenManager.Cluster.Drills;

/// <summary>Of two nodes either one loses its power, and the other has to go on without a majority.</summary>
internal static class TwoDrill
{
    public static Drill Drill { get; } = new("two", "kill -9 of either node of a cluster of two", RunAsync);

    private static async Task RunAsync(Stage stage)
    {
        var cluster = await stage.StartAsync(Place.OnLoopback(2), overSocket: false);
        var kills = new List<Kill>();
        // Each twice in a row: once it has the pool, and the next time the other has it.
        while (kills.Count < stage.Extent.KillsOfTwo)
            kills.Add(await Kill.DoAsync(stage, cluster, cluster.Nodes[kills.Count / 2 % 2]));
        await stage.EndAsync(cluster);
        Kill.Report(stage, Drill, kills);
    }
}
