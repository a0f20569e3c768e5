using System.Net;
using System.Text.Json;
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
            Burst: {stage.Extent.Burst:#,0} leases that all end within ten seconds. It takes minutes to take them, so the node is started again every
            few seconds meanwhile, with a lease that is shorter by what has passed; every token is woken by a refused release before they
            fall due. Meanwhile {Burst.Meanwhile}.
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

            foreach (var pool in pools.AsEnumerable().Reverse())
            {
                await pool.ClearAsync(stage);
                await pool.TidyAsync(stage);
                await pool.BorrowAsync(stage, stage.Extent.WarmUp);
            }

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
            // The largest comes first in every other round.
            var results = new LoadResult[pools.Count];
            for (var turn = 0; turn < pools.Count; turn++)
            {
                var i = round % 2 == 0 ? pools.Count - 1 - turn : turn;
                results[i] = await pools[i].BorrowAsync(stage, stage.Extent.Turn);
            }

            rounds.Add(results);
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
            section.Add(
                Invariant($"activations/s at {pools[^1].Size:#,0} tokens, of those at {pools[0].Size:#,0}"),
                "ratio",
                rounds.Select(round => round[^1].PerSecond / round[0].PerSecond)),
            0.8);
    }

    private static void ReportMemory(Section section, List<GrowingPool> pools)
    {
        foreach (var pool in pools)
        {
            section.Add(Invariant($"{pool.Size:#,0} tokens, resident, none ever lent"), "MB", pool.IdleMemory / 1e6);
            section.Add(Invariant($"{pool.Size:#,0} tokens, resident, all lent"), "MB", pool.ActiveMemory / 1e6);
        }

        section.AtMost(section.Add("memory of an idle token", "KB", pools[^1].KilobytesPerToken(pools[0], pool => pool.IdleMemory)), 3);
        section.AtMost(section.Add("memory of a lent token", "KB", pools[^1].KilobytesPerToken(pools[0], pool => pool.ActiveMemory)), 15);
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
            using var list = new MemoryStream((int)bytes);
            var buffer = new byte[64 * 1024];
            list.Write(buffer, 0, await body.ReadAsync(buffer, stage.Stop));
            first.Add(TimeProvider.System.GetElapsedTime(started).TotalMilliseconds);
            await body.CopyToAsync(list, stage.Stop);
            total.Add(TimeProvider.System.GetElapsedTime(started).TotalMilliseconds);
            bytes = list.Length;
            using var json = JsonDocument.Parse(list.ToArray());
            var tokens = json.RootElement.GetProperty("data").GetArrayLength();
            if (!answer.IsSuccessStatusCode || tokens != pool.Size) throw new WrongAnswerException($"The list was answered {answer.StatusCode} with {tokens} tokens.");
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
        section.AtMost(figure, 10);
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
        section.AtMost(section.Add(Invariant($"failover, {pool.Size:#,0} tokens: rebuild"), "s", rebuild.TotalSeconds), 5);
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
