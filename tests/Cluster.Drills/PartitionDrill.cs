namespace TokenManager.Cluster.Drills;

/// <summary>The network between nodes is cut, while all of them still reach the database and are reached by callers.</summary>
internal static class PartitionDrill
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(60);

    public static Drill Drill { get; } = new("partition", "the network between three nodes cut in three shapes (needs root)", RunAsync);

    private static async Task RunAsync(Stage stage)
    {
        await using var network = await Network.CreateAsync(3);
        var cluster = await stage.StartAsync(network.Places, overSocket: true);
        await CutAsync(stage, network, cluster, "pool in the minority", (pool, others) => [
            .. others.Select(other => (pool, other)), .. others.Select(other => (other, pool))]);
        await CutAsync(stage, network, cluster, "pool in the majority", (pool, others) => [
            (pool, others[0]), (others[1], others[0]), (others[0], pool), (others[0], others[1])]);
        await CutAsync(stage, network, cluster, "one-way loss", (pool, others) => [
            .. others.Select(other => (pool, other))]);
        await stage.EndAsync(cluster);
    }

    private static async Task CutAsync(
        Stage stage,
        Network network,
        NodeCluster cluster,
        string shape,
        Func<ClusterNode, IReadOnlyList<ClusterNode>, IEnumerable<(ClusterNode From, ClusterNode To)>> cuts)
    {
        await cluster.RestoreAsync();
        var pool = await cluster.PoolNodeAsync();
        var load = await Load.StartAsync(cluster.Nodes, LoadPlan.Steady);
        await load.RunningAsync(NodeCluster.Lease / 2);

        await using var platform = new Platform(cluster);
        foreach (var (from, to) in cuts(pool, cluster.Except(pool))) await network.CutAsync(from.Place, to.Place);
        var cut = Moment.Now();
        await cut.PassedAsync(stage.Extent.Partition);
        var endedWhileCut = platform.Exits.Count;
        await network.HealAsync();
        var healed = Moment.Now();
        await cluster.FormedAsync();
        await load.GrantedAsync(healed, Within);
        var formed = Moment.Now();
        await Moment.Now().PassedAsync(stage.Extent.Aftermath);
        await load.StopAsync();
        var settlement = await Settlement.ReadAsync(cluster, load);

        var calls = load.Calls;
        var serving = cluster.Nodes.Select(node => SecondsUntilServing(calls, node.Number, cut, healed)).ToList();
        stage.Say(
            $"{shape}, pool on {pool}: {string.Join(", ", cluster.Nodes.Select(node => Told(node, serving[node.Number])))}; "
            + $"ended while cut {endedWhileCut}, then {platform.Exits.Count - endedWhileCut}: "
            + $"{string.Join(", ", platform.Exits.Select(exit => $"{exit.Node} with exit code {exit.ExitCode}"))}; "
            + $"one cluster {healed.Until(formed.Timestamp).TotalSeconds:0.0} s after healing; {settlement.Acknowledged} grants; "
            + $"{Load.Tallied(calls)}");
        Add("one side goes on serving activations", serving.Min(), "s", 15);
        Add("nodes that ended with exit code 0", platform.Exits.Count(exit => exit.ExitCode == 0), "", 0);
        Add("from healing to one cluster of three", healed.Until(formed.Timestamp).TotalSeconds, "s", Within.TotalSeconds);
        stage.Measured($"{Drill.Name}, {shape}", settlement, load);

        void Add(string what, double value, string unit, double? bound = null) =>
            stage.Measured($"{Drill.Name}, {shape}", what, value, unit, bound);
    }

    /// <summary>When the node's last failure before the healing was over, if it granted anything after that.</summary>
    private static double SecondsUntilServing(IReadOnlyList<Call> calls, int node, Moment cut, Moment healed)
    {
        var sent = calls.Where(call => call.Kind is CallKind.Activate && call.Target == node
            && call.Sent > cut.Timestamp && call.Answered < healed.Timestamp).ToList();
        var lastFailure = sent.Where(call => call.HasFailed).Select(call => call.Answered).DefaultIfEmpty(cut.Timestamp).Max();
        var granted = sent.Where(call => call.IsGranted && call.Sent > lastFailure).Select(call => call.Answered).ToList();
        return granted.Count > 0 ? cut.Until(granted.Min()).TotalSeconds : double.PositiveInfinity;
    }

    private static string Told(ClusterNode node, double serving) =>
        double.IsFinite(serving) ? $"{node} serves after {serving:0.0} s" : $"{node} does not serve";
}
