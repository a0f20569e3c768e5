namespace TokenManager.Cluster.Drills;

/// <summary>
/// The node with the pool is told to go, hands everything over, and ends, under traffic to the others and through a load
/// balancer to all.
/// </summary>
internal static class Departure
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(60);

    public static async Task DoAsync(Stage stage, string drill, Func<NodeCluster, ClusterNode, Task> tell)
    {
        var cluster = await stage.ThreeNodesAsync();
        var leaving = await cluster.PoolNodeAsync();
        var others = cluster.Except(leaving);
        await using var balancer = await LoadBalancer.StartAsync([.. cluster.Nodes.Select(node => node.Place.Api)]);
        using var balanced = Clients.For(balancer.Address);
        var load = await Load.StartAsync([.. others.Select(node => node.Client), balanced], LoadPlan.Steady);
        await load.RunningAsync(NodeCluster.Lease / 2);

        var told = Moment.Now();
        await tell(cluster, leaving);
        var exitCode = await leaving.Process.WaitForExitAsync(Within);
        var gone = Moment.Now();
        await load.SteadyAsync(gone, Within, Enumerable.Range(0, others.Count + 1));
        await Moment.Now().PassedAsync(stage.Extent.Aftermath);
        var end = Moment.Now();
        await load.StopAsync();
        leaving.Relaunch();
        await cluster.FormedAsync();
        var settlement = await Settlement.ReadAsync(cluster, load);

        var since = load.Calls.Where(call => call.Answered > told.Timestamp).ToList();
        stage.Say(
            $"{leaving} told to go: gone after {told.Until(gone.Timestamp).TotalSeconds:0.0} s with exit code {exitCode}; "
            + $"{settlement.Acknowledged} grants; {Load.Tallied(since)}");
        Add("longest pause of activations", since.LongestPause(told, end).TotalSeconds, "s", 2);
        Add("slowest activation", since.Where(call => !call.IsRead).Slowest().TotalSeconds, "s");
        Add("failed requests", load.Calls.Count(call => call.HasFailed), "", 0);
        Add("latest release of a lease", settlement.Latest(_ => true), "s");
        Add("exit code", exitCode, "", 0);
        Add("time until the process has ended", told.Until(gone.Timestamp).TotalSeconds, "s");
        stage.Measured(drill, settlement, load);

        void Add(string what, double value, string unit, double? bound = null) =>
            stage.Measured(drill, what, value, unit, bound);
    }
}
