using System.Net;
using HdrHistogram;
using TokenManager.Bench.Driver;
using TokenManager.Bench.Reporting;
using TokenManager.Testing;

namespace TokenManager.Bench.Lateness;

/// <summary>How long after its lease is over a usage is ended.</summary>
internal sealed class LatenessMeasurement : Measurement
{
    private static readonly TimeSpan AllEndWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private const double Judged = 99;
    private static readonly double[] Percentiles = [50, 90, Judged, 99.9];
    private static readonly double[] Milliseconds = [1, 2, 5, 10, 20, 50, 100, 250, double.PositiveInfinity];

    private static readonly TimeSpan ShortLease = TimeSpan.FromSeconds(2);

    public override string Name => "lateness";

    public override string What => "how long after its lease is over a usage ends";

    public override async Task MeasureAsync(Stage stage, Section section)
    {
        // In both pools, most of the tokens are lent when the leases that count are taken, and when they end.
        (int Pool, TimeSpan Lease, TimeSpan Interval, double Bound)[] loads =
        [
            (100, ShortLease, TimeSpan.FromMilliseconds(25), 50),
            (10_000, stage.Extent.LateLease, TimeSpan.FromMilliseconds(10), 250),
        ];
        section.Method = Invariant(
            $"""
            {stage.Extent.Leases:#,0} leases in each pool, taken one after the other at a steady pace: of the pool of 100 every 25 ms for {ShortLease.TotalSeconds:0} s, so
            that four of five tokens are lent at any time, and of the pool of 10,000 every 10 ms for {stage.Extent.LateLease.TotalSeconds:0} s;
            those in the middle of
            as many as fill that time twice, so that as many are lent before and after them. Lateness is `ended_at` − `expires_at` of the ledger's
            rows, both by the database's clock. One that ended early is a failure.
            """);
        foreach (var (pool, lease, interval, bound) in loads)
        {
            var name = Invariant($"pool of {pool:#,0}");
            stage.Say($"lateness: {name}: lending");
            var lateness = await MeasureAsync(stage, pool, lease, interval);
            foreach (var percentile in Percentiles)
            {
                var figure = section.Add(Invariant($"{name}: p{percentile} of the lateness"), "ms", lateness.GetValueAtPercentile(percentile) / 1000.0);
                if (percentile is Judged) section.AtMost(figure, bound);
            }

            section.Add($"{name}: latest", "ms", lateness.GetMaxValue() / 1000.0);
            section.Note(Histogram(name, lateness));
        }
    }

    private static async Task<LongHistogram> MeasureAsync(Stage stage, int pool, TimeSpan lease, TimeSpan interval)
    {
        using var database = await stage.DatabaseAsync();
        var node = await stage.NodeAsync(database.Node(pool, lease));
        var before = (int)(lease / interval);
        var grants = new List<Task<Reply>>();
        using (var pace = new PeriodicTimer(interval))
        {
            while (grants.Count < 2 * before + stage.Extent.Leases && await pace.WaitForNextTickAsync(stage.Stop))
                grants.Add(node.ActivateAsync(RandomId.Next(), RandomId.Next()));
        }

        foreach (var reply in await Task.WhenAll(grants))
        {
            if (reply.Status is not HttpStatusCode.OK) throw new WrongAnswerException($"An activation was answered {reply}");
        }

        // Nobody looks while what is looked at goes on.
        await Task.Delay(lease + Second, stage.Stop);
        IReadOnlyList<Row> rows = [];
        await Eventually.Async(
            async () => (rows = await database.ReadRowsAsync()).All(row => !row.IsOpen),
            AllEndWithin,
            node.Tail,
            "every usage has ended");
        await node.KillAsync();
        if (rows.Count != grants.Count) throw new WrongAnswerException($"Of {grants.Count} leases the ledger has {rows.Count}.");
        return LatenessOf([.. rows.OrderBy(row => row.Expires).Skip(before).Take(stage.Extent.Leases)]);
    }

    private static LongHistogram LatenessOf(IReadOnlyList<Row> rows)
    {
        var lateness = Load.NewHistogram();
        foreach (var row in rows)
        {
            if (row.Reason != "expired" || row.Ended < row.Expires) throw new WrongAnswerException($"This usage did not just expire: {row}");
            lateness.RecordValue(row.Ended!.Value - row.Expires);
        }

        return lateness;
    }

    private static string Histogram(string name, LongHistogram lateness)
    {
        var lines = new List<string> { $"{name}, leases by lateness:\n\n| at most | leases |\n|---:|---:|" };
        var before = 0.0;
        foreach (var limit in Milliseconds)
        {
            var count = lateness.RecordedValues()
                .Where(value => value.ValueIteratedTo / 1000.0 > before && value.ValueIteratedTo / 1000.0 <= limit)
                .Sum(value => value.CountAtValueIteratedTo);
            lines.Add(Invariant($"| {(double.IsInfinity(limit) ? "more" : Invariant($"{limit} ms"))} | {count:#,0} |"));
            before = limit;
        }

        return string.Join('\n', lines);
    }
}
