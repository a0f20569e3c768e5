namespace TokenManager.Cluster.Drills;

/// <summary>The node with the pool stands still for longer than anybody waits, and then goes on as if nothing had been.</summary>
internal static class FreezeDrill
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(60);

    public static Drill Drill { get; } = new("freeze", "SIGSTOP of the node with the pool, one of three, and SIGCONT", RunAsync);

    private static async Task RunAsync(Stage stage)
    {
        var cluster = await stage.ThreeNodesAsync();
        var frozen = await cluster.PoolNodeAsync();
        int[] others = [.. cluster.Except(frozen).Select(node => node.Number)];
        var load = await Load.StartAsync(cluster.Nodes, LoadPlan.Steady);
        await load.RunningAsync(NodeCluster.Lease / 2);

        await using var platform = new Platform(cluster);
        await frozen.Process.PauseAsync();
        var stopped = Moment.Now();
        await load.GrantedAsync(stopped, Within, others);
        await stopped.PassedAsync(stage.Extent.Freeze);
        var woken = Moment.Now();
        await frozen.Process.ContinueAsync();
        await load.GrantedAsync(woken, Within);
        await cluster.FormedAsync();
        var formed = Moment.Now();
        await Moment.Now().PassedAsync(stage.Extent.Aftermath);
        await load.StopAsync();
        var settlement = await Settlement.ReadAsync(cluster, load);

        var calls = load.Calls;
        var exits = platform.Exits;
        stage.Say(
            $"{frozen} frozen for {stage.Extent.Freeze.TotalSeconds:0} s; ended meanwhile or then: "
            + $"{string.Join(", ", exits.Select(exit => $"{exit.Node} with exit code {exit.ExitCode}"))}; "
            + $"{settlement.Acknowledged} grants; {Load.Tallied(calls)}");
        Add("activations answer again on the others", others.Max(other => calls.FirstGrant(stopped, other).TotalSeconds), "s", Kill.FailoverBound);
        Add("failed reads on the others", calls.Count(call => call.IsRead && call.HasFailed && others.Contains(call.Target)), "", 0);
        Add("nodes that ended with exit code 0", exits.Count(exit => exit.ExitCode == 0), "", 0);
        Add("others that ended too", exits.Count(exit => exit.Node != frozen), "", 0);
        Add("from waking to one cluster of three", woken.Until(formed.Timestamp).TotalSeconds, "s", Within.TotalSeconds);
        stage.Measured(Drill.Name, settlement, load);

        void Add(string what, double value, string unit, double? bound = null) =>
            stage.Measured(Drill.Name, what, value, unit, bound);
    }
}
