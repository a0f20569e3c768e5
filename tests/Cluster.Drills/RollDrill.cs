namespace TokenManager.Cluster.Drills;

/// <summary>A rolling deployment as a StatefulSet does it, behind a load balancer that only knows readiness.</summary>
internal static class RollDrill
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(60);

    public static Drill Drill { get; } = new("roll", "three nodes replaced by a higher version behind haproxy", RunAsync);

    private static async Task RunAsync(Stage stage)
    {
        var cluster = await stage.ThreeNodesAsync();
        await using var balancer = await LoadBalancer.StartAsync([.. cluster.Nodes.Select(node => node.Place.Api)]);
        using var client = Clients.For(balancer.Address);
        var load = await Load.StartAsync([client], new LoadPlan(
            Activations: TimeSpan.FromMilliseconds(25),
            Details: TimeSpan.FromMilliseconds(15),
            Lists: TimeSpan.FromMilliseconds(80),
            Clears: TimeSpan.FromMilliseconds(1500)));
        await load.RunningAsync(NodeCluster.Lease / 2);

        var began = Moment.Now();
        var exitCodes = new List<int>();
        foreach (var node in cluster.Nodes.Reverse())
        {
            var told = Moment.Now();
            exitCodes.Add(await node.Process.TerminateAsync(Within));
            var ended = told.Elapsed;
            node.Relaunch(fromNextBuild: true);
            await node.Process.WaitReadyAsync(Within);
            stage.Say($"{node} replaced: ended after {ended.TotalSeconds:0.0} s, its successor ready after {told.Elapsed.TotalSeconds:0.0} s");
        }

        var rolled = began.Elapsed;
        await cluster.FormedAsync();
        await Moment.Now().PassedAsync(stage.Extent.Aftermath);
        await load.StopAsync();
        var settlement = await Settlement.ReadAsync(cluster, load);

        var calls = load.Calls;
        stage.Say($"{settlement.Acknowledged} grants; {Load.Tallied(calls)}; slowest {calls.Slowest().TotalSeconds:0.00} s");
        foreach (var call in calls.Where(call => call.HasFailed).Take(10))
            stage.Say($"failed {began.Until(call.Sent).TotalSeconds:0.000} s into the roll: {call}");
        Add("requests", calls.Count, "");
        Add("failed requests", calls.Count(call => call.HasFailed), "", 0);
        Add("slowest request", calls.Slowest().TotalSeconds, "s");
        Add("the whole roll", rolled.TotalSeconds, "s", 90);
        Add("nodes that did not end with exit code 0", exitCodes.Count(code => code != 0), "", 0);
        Add("nodes that are not of the next version", cluster.Nodes.Count(node => !node.SaysVersion(NextBuild.Version)), "", 0);
        stage.Measured(Drill.Name, settlement, load);

        void Add(string what, double value, string unit, double? bound = null) =>
            stage.Measured(Drill.Name, what, value, unit, bound);
    }
}
