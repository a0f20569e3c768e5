using System.Net;
using TokenManager.Bench.Driver;
using TokenManager.Bench.Reporting;
using TokenManager.Testing;

namespace TokenManager.Bench.Growth;

/// <summary>What becomes of everything when the pool is a thousand times as large.</summary>
internal sealed class GrowthMeasurement : Measurement
{
    // Free tokens, for the activations that a measurement needs.
    private const int Spare = 50;

    private static readonly TimeSpan Within = TimeSpan.FromMinutes(2);

    public override string Name => "growth";

    public override string What => "activations, memory, start, failover, list and mass release by pool size";

    public override async Task MeasureAsync(Stage stage, Section section)
    {
        section.Method = Invariant(
            $"""
            Pools of {string.Join(", ", stage.Extent.PoolSizes.Select(size => Invariant($"{size:#,0}")))} tokens, each a node on a database of its own, all up at once. *cold*: 32 callers lend
            every token for the first time, which wakes it. Then everything is cleared, and 32
            callers borrow: activate, release, again. Only the activations count. Pools take turns; the pool lends the longest free
            token, so the turns of a large pool go through many tokens, of which some have fallen asleep again, those of a small one
            through the same ones. Memory is
            resident memory after collections that are asked for through the runtime's event pipe no longer make it less; that of a
            token is the difference to the smallest pool. List, start and failover are of the largest pool with all but {Spare} tokens lent.
            Start is from the process's start until it is ready. Failover: two nodes, the one with the pool is killed; the rebuild is
            from the new pool's start until it has read the ledger, by the log of its node.
            """);

        var pools = new List<GrowingPool>();
        try
        {
            foreach (var size in stage.Extent.PoolSizes)
            {
                stage.Say(Invariant($"growth: {size:#,0} tokens: lending all of them"));
                pools.Add(await GrowingPool.StartAsync(stage, size));
                stage.Say(Invariant($"growth: {size:#,0} tokens, cold: {pools[^1].ColdPerSecond:0}/s"));
            }

            foreach (var pool in pools.AsEnumerable().Reverse()) await pool.ClearAsync(stage);
            await BorrowAsync(stage, section, pools);
            ReportMemory(section, pools);
            foreach (var pool in pools.SkipLast(1)) await pool.Node.TerminateAsync(Within);

            var largest = pools[^1];
            await largest.ClearAsync(stage);
            await largest.FillAsync(stage, Spare);
            await ListAsync(stage, section, largest);
            await StartAgainAsync(stage, section, largest);
            await FailOverAsync(stage, section, largest);
        }
        finally
        {
            pools.ForEach(pool => pool.Dispose());
        }

        await Burst.MeasureAsync(stage, section);
    }

    private static async Task BorrowAsync(Stage stage, Section section, List<GrowingPool> pools)
    {
        var rounds = new List<LoadResult[]>();
        for (var round = 1; round <= stage.Extent.Rounds; round++)
        {
            var results = new List<LoadResult>();
            foreach (var pool in pools) results.Add(await pool.BorrowAsync(stage));
            rounds.Add([.. results]);
            stage.Say(Invariant(
                $"growth: round {round} of {stage.Extent.Rounds}: {string.Join(", ", results.Select(result => Invariant($"{result.PerSecond:0}/s")))}"));
        }

        for (var i = 0; i < pools.Count; i++)
        {
            var size = Invariant($"{pools[i].Size:#,0} tokens");
            section.Add($"{size}, activations while borrowing", "activations/s", rounds.Select(round => round[i].PerSecond));
            section.Add($"{size}, activation while borrowing, p99", "ms", rounds.Select(round => round[i].At(99)));
            section.Add($"{size}, cold", "activations/s", pools[i].ColdPerSecond);
        }

        section.AtLeast(
            Invariant($"activations/s at {pools[^1].Size:#,0} tokens, of those at {pools[0].Size:#,0}"),
            Figure.MedianOf(rounds.Select(round => round[^1].PerSecond / round[0].PerSecond)),
            0.8);
    }

    private static void ReportMemory(Section section, List<GrowingPool> pools)
    {
        foreach (var pool in pools)
        {
            section.Add(Invariant($"{pool.Size:#,0} tokens, resident, none ever lent"), "MB", pool.IdleMemory / 1e6);
            section.Add(Invariant($"{pool.Size:#,0} tokens, resident, all lent"), "MB", pool.ActiveMemory / 1e6);
        }

        section.AtMost(
            "memory of an idle token", pools[^1].KilobytesPerToken(pools[0], pool => pool.IdleMemory), 3, unit: "KB");
        section.AtMost(
            "memory of a lent token", pools[^1].KilobytesPerToken(pools[0], pool => pool.ActiveMemory), 15, unit: "KB");
    }

    private static async Task ListAsync(Stage stage, Section section, GrowingPool pool)
    {
        var (first, total, bytes) = (new List<double>(), new List<double>(), 0L);
        for (var round = 0; round < stage.Extent.Rounds; round++)
        {
            // After a change it is put together anew.
            await Load.RunAsync(pool.Node.BaseAddress, Activating.Callers(1), new Turns(calls: 1), stage.Stop);
            var started = TimeProvider.System.GetTimestamp();
            using var answer = await pool.Node.Client.GetAsync(
                new Uri("/api/tokens", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, stage.Stop);
            var body = await answer.Content.ReadAsStreamAsync(stage.Stop);
            var buffer = new byte[64 * 1024];
            bytes = await body.ReadAsync(buffer, stage.Stop);
            first.Add(TimeProvider.System.GetElapsedTime(started).TotalMilliseconds);
            while (await body.ReadAsync(buffer, stage.Stop) is > 0 and var read) bytes += read;
            total.Add(TimeProvider.System.GetElapsedTime(started).TotalMilliseconds);
        }

        section.Add(Invariant($"list of {pool.Size:#,0} after a change, size"), "bytes", bytes);
        section.Add(Invariant($"list of {pool.Size:#,0} after a change, first byte"), "ms", first);
        section.Add(Invariant($"list of {pool.Size:#,0} after a change, whole"), "ms", total);
    }

    private static async Task StartAgainAsync(Stage stage, Section section, GrowingPool pool)
    {
        var seconds = new List<double>();
        for (var start = 0; start < stage.Extent.Rounds; start++) seconds.Add(await RestartAsync(pool.Node));

        var figure = section.Add(Invariant($"start to ready, {pool.Size:#,0} tokens"), "s", seconds);
        stage.Say(Invariant($"growth: start to ready: {figure.Median:0.0} s"));
        section.AtMost(Invariant($"start to ready, {pool.Size:#,0} tokens"), figure.Median, 10, unit: "s");
    }

    private static async Task FailOverAsync(Stage stage, Section section, GrowingPool pool)
    {
        await RestartAsync(pool.Node, Stage.AsUsersRunIt(pool.Settings.Watched()));
        var other = await stage.NodeAsync(pool.Settings.Watched());
        var (killed, survivor) = await PoolWatch.HasPoolAsync(pool.Node, stage.Stop) ? (pool.Node, other) : (other, pool.Node);
        var started = TimeProvider.System.GetTimestamp();
        await killed.KillAsync();
        await Eventually.Async(
            async () => (await survivor.ActivateAsync(RandomId.Next())).Status is HttpStatusCode.OK, Within, survivor.Tail, "the survivor lends");
        var whole = TimeProvider.System.GetElapsedTime(started);
        var rebuild = PoolWatch.RebuildTime(survivor);
        stage.Say(Invariant($"growth: failover: {whole.TotalSeconds:0.0} s, rebuild {rebuild.TotalSeconds:0.00} s"));
        section.Add(Invariant($"failover, {pool.Size:#,0} tokens: kill to first activation"), "s", whole.TotalSeconds);
        section.Add(Invariant($"failover, {pool.Size:#,0} tokens: rebuild"), "s", rebuild.TotalSeconds);
        section.AtMost(Invariant($"failover rebuild, {pool.Size:#,0} tokens"), rebuild.TotalSeconds, 5, unit: "s");
        await survivor.KillAsync();
    }

    /// <summary>Starts a node again.</summary>
    /// <returns>Seconds from its process's start until it was ready.</returns>
    private static async Task<double> RestartAsync(NodeProcess node, NodeSettings? settings = null)
    {
        await node.TerminateAsync(Within);
        var started = TimeProvider.System.GetTimestamp();
        node.Relaunch(settings);
        await node.WaitReadyAsync(Within);
        return TimeProvider.System.GetElapsedTime(started).TotalSeconds;
    }
}
