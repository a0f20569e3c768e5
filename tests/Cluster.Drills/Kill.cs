using TokenManager.Testing;

namespace TokenManager.Cluster.Drills;

/// <summary>A node killed under traffic, once, and what that meant for the others and for everybody's leases.</summary>
internal sealed record Kill(
    double SecondsUntilGranted,
    double SecondsUntilAllGranted,
    int FailedReads,
    double SlowestRead,
    int Wrong,
    int Unsettled,
    int Acknowledged,
    int Lost,
    int Violations,
    double LatestOfThoseThatStayed,
    double LatestOfThoseThatMoved)
{
    /// <summary>The issue's bound for activations, and for the leases of tokens that moved.</summary>
    public const double FailoverBound = 10;

    private static readonly TimeSpan Within = TimeSpan.FromSeconds(40);

    /// <summary>Kills the node under traffic, waits until the others have recovered, and starts it again.</summary>
    public static async Task<Kill> DoAsync(Stage stage, NodeCluster cluster, ClusterNode victim)
    {
        int[] survivors = [.. cluster.Except(victim).Select(node => node.Number)];
        var shards = ShardWatch.Start(cluster.Except(victim));
        var load = await Load.StartAsync(cluster.Nodes, LoadPlan.Steady);
        await load.RunningAsync(NodeCluster.Lease / 2);

        await victim.Process.KillAsync();
        var killed = Moment.Now();
        await load.SteadyAsync(killed, Within, survivors);
        await Moment.Now().PassedAsync(stage.Extent.Aftermath);
        await load.StopAsync();
        var calls = load.Calls;

        // Who was told nothing certain asks again with the same key, and is told what became of it.
        var uncertain = calls.Where(call => call.Kind is CallKind.Activate && call.HasFailed).ToList();
        var retries = await Task.WhenAll(uncertain.Select((call, i) =>
            SettleAsync(cluster.Nodes[survivors[i % survivors.Length]], call, killed, FailoverBound * stage.Extent.Slack)));
        victim.Relaunch();
        await cluster.FormedAsync();
        var settlement = await Settlement.ReadAsync(cluster, load);

        // A node that comes back is given shards of the others, now or after the last drill: those have moved, too.
        var stayed = await shards.StopAsync();
        bool Stayed(Row row) => stayed.Contains(NodeCluster.ShardOf(row.TokenId));

        var onSurvivors = calls.Where(call => survivors.Contains(call.Target)).ToList();
        var reads = onSurvivors.Where(call => call.IsRead).ToList();
        var kill = new Kill(
            survivors.Max(survivor => calls.FirstGrant(killed, survivor).TotalSeconds),
            onSurvivors.Where(call => !call.IsRead && call.HasFailed && call.Sent > killed.Timestamp)
                .Select(call => killed.Until(call.Sent).TotalSeconds).DefaultIfEmpty().Max(),
            reads.Count(call => call.HasFailed),
            reads.Slowest().TotalSeconds,
            calls.Count(call => call.Verdict is Verdict.Wrong),
            retries.Count(reply => !IsSettled(reply)),
            settlement.Acknowledged,
            settlement.Lost,
            settlement.Violations.Count,
            settlement.Latest(Stayed),
            settlement.Latest(row => !Stayed(row)));
        stage.Say(
            $"{victim} killed: granted again after {kill.SecondsUntilGranted:0.0} s, all that was sent after "
            + $"{kill.SecondsUntilAllGranted:0.0} s; leases at most {kill.LatestOfThoseThatStayed:0.0} s late in the {stayed.Count} "
            + $"shards that stayed, {kill.LatestOfThoseThatMoved:0.0} s where they moved; {settlement.Acknowledged} grants; "
            + $"on the others {Load.Tallied(onSurvivors)}; asked again {string.Join(", ", retries.CountBy(reply => reply.Word))}");
        if (settlement.Late(Stayed, killed) is { Length: > 0 } late) stage.Say($"late where they stayed, after the kill: {late}");
        foreach (var violation in settlement.Violations) stage.Say(violation);
        foreach (var call in calls.Where(call => call.Verdict is Verdict.Wrong)) stage.Say($"no rule allows {call}");
        return kill;
    }

    // The token may have been on the node that was killed: its answer is to be had once it has moved, within the same bound.
    private static async Task<Reply> SettleAsync(ClusterNode survivor, Call call, Moment killed, double bound)
    {
        while (true)
        {
            var reply = await survivor.Client.ActivateAsync(call.User, call.Key);
            if (IsSettled(reply) || killed.Elapsed.TotalSeconds > bound) return reply;
            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }
    }

    private static bool IsSettled(Reply reply) =>
        reply.Status is System.Net.HttpStatusCode.OK || reply.Code is "idempotency_key_reused";

    /// <summary>Reports any number of kills together.</summary>
    public static void Report(Stage stage, Drill drill, IReadOnlyList<Kill> kills)
    {
        Add("activations answer again, median", kills.Select(kill => kill.SecondsUntilGranted).Median(), "s", FailoverBound, aim: 6);
        Add("activations answer again, worst", kills.Max(kill => kill.SecondsUntilGranted), "s", FailoverBound, aim: 6);
        Add("sent after this, all are granted, worst", kills.Max(kill => kill.SecondsUntilAllGranted), "s", FailoverBound);
        Add("failed reads on survivors", kills.Sum(kill => kill.FailedReads), "", 0);
        Add("slowest read on a survivor", kills.Max(kill => kill.SlowestRead) * 1000, "ms");
        Add("answers that no rule allows", kills.Sum(kill => kill.Wrong), "", 0);
        Add("uncertain activations that stayed so when asked again", kills.Sum(kill => kill.Unsettled), "", 0);
        Add("users or tokens held twice, or not as the journal says", kills.Max(kill => kill.Violations), "", 0);
        Add("acknowledged activations", kills.Sum(kill => kill.Acknowledged), "");
        Add("acknowledged activations lost", kills.Sum(kill => kill.Lost), "", 0);
        Add("latest release, tokens on survivors", kills.Max(kill => kill.LatestOfThoseThatStayed), "s", 1);
        Add("latest release, tokens that moved", kills.Max(kill => kill.LatestOfThoseThatMoved), "s", FailoverBound);

        void Add(string what, double value, string unit, double? bound = null, double? aim = null) =>
            stage.Measured(drill.Name, what, value, unit, bound, aim);
    }
}
