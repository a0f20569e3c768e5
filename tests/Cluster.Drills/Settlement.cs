using System.Globalization;
using TokenManager.Testing;

namespace TokenManager.Cluster.Drills;

/// <summary>What the ledger says of a drill's grants once all of them are over.</summary>
internal sealed class Settlement
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);
    private readonly IReadOnlyList<Row> _rows;
    private readonly HashSet<Guid> _usages;

    private Settlement(
        IReadOnlyList<Row> rows, IReadOnlyCollection<Grant> grants, IEnumerable<Guid> usages, IReadOnlyList<string> violations)
    {
        _rows = rows;
        Violations = violations;
        _usages = [.. usages];
        var byId = rows.ToDictionary(row => row.UsageId, row => row.Grant);
        Lost = grants.Count(grant => byId.GetValueOrDefault(grant.UsageId) != grant);
        Acknowledged = grants.Count;
    }

    /// <summary>What was held twice, ended before its time, or stands otherwise in the journal.</summary>
    public IReadOnlyList<string> Violations { get; }

    /// <summary>Grants that were answered 200.</summary>
    public int Acknowledged { get; }

    /// <summary>How many of them the ledger doesn't have, or has otherwise.</summary>
    public int Lost { get; }

    /// <summary>How many seconds after its time the latest of these usages of the drill was released.</summary>
    public double Latest(Func<Row, bool> which) => Expired(which).Select(Lateness).DefaultIfEmpty().Max();

    /// <summary>Says of these usages that were released more than a second late when they were due.</summary>
    public string Late(Func<Row, bool> which, Moment since) => string.Join(", ", Expired(which)
        .Where(row => Lateness(row) > 1)
        .Select(row => string.Create(
            CultureInfo.InvariantCulture,
            $"due {TimeSpan.FromMicroseconds(row.Expires - since.Microseconds).TotalSeconds:0.0} s, late {Lateness(row):0.0} s")));

    private static double Lateness(Row row) => TimeSpan.FromMicroseconds(row.Ended!.Value - row.Expires).TotalSeconds;

    private IEnumerable<Row> Expired(Func<Row, bool> which) =>
        _rows.Where(row => row.Reason is "expired" && _usages.Contains(row.UsageId) && which(row));

    /// <summary>Waits until no lease is left, and looks at every row there is.</summary>
    public static async Task<Settlement> ReadAsync(NodeCluster cluster, Load load)
    {
        IReadOnlyList<Row> rows = [];
        await Eventually.Async(
            async () => (rows = await cluster.Database.ReadRowsAsync()).All(row => !row.IsOpen),
            NodeCluster.Lease + Longest,
            () => string.Join(
                '\n',
                [.. rows.Where(row => row.IsOpen).Select(row => $"{row}"), .. cluster.Nodes.Select(node => node.Process.Tail())]),
            "every lease has been released");
        return new Settlement(
            rows,
            load.Grants,
            load.Calls.Select(call => call.Key),
            [
                .. await ViolationAsync(() => Task.Run(() => Audit.NothingWasHeldTwice(rows))),
                .. await ViolationAsync(() => Audit.TheJournalComesToAgreeAsync(rows, cluster.Database, Longest)),
            ]);
    }

    private static async Task<IEnumerable<string>> ViolationAsync(Func<Task> check)
    {
        try
        {
            await check();
            return [];
        }
        catch (Exception violation) when (violation is Xunit.Sdk.XunitException or TimeoutException)
        {
            return [violation.Message];
        }
    }
}
