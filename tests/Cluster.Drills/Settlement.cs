using TokenManager.Testing;

namespace TokenManager.Cluster.Drills;

/// <summary>What the ledger says of a drill's grants once all of them are over.</summary>
internal sealed class Settlement
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);
    private readonly HashSet<Guid> _usages;

    private Settlement(IReadOnlyList<Row> rows, IReadOnlyCollection<Grant> grants, IEnumerable<Guid> usages)
    {
        Rows = rows;
        _usages = [.. usages];
        var byId = rows.ToDictionary(row => row.UsageId, row => row.Grant);
        Lost = grants.Count(grant => byId.GetValueOrDefault(grant.UsageId) != grant);
        Acknowledged = grants.Count;
    }

    public IReadOnlyList<Row> Rows { get; }

    /// <summary>Grants that were answered 200.</summary>
    public int Acknowledged { get; }

    /// <summary>How many of them the ledger doesn't have, or has otherwise.</summary>
    public int Lost { get; }

    /// <summary>How many seconds after its time the latest of these usages of the drill was released.</summary>
    public double Latest(Func<Row, bool> which) => Rows
        .Where(row => row.Reason is "expired" && _usages.Contains(row.UsageId) && which(row))
        .Select(row => TimeSpan.FromMicroseconds(row.Ended!.Value - row.Expires).TotalSeconds)
        .DefaultIfEmpty().Max();

    /// <summary>Waits until no lease is left, and looks at every row there is.</summary>
    /// <exception cref="Xunit.Sdk.XunitException">Something was held twice, or the journal says otherwise.</exception>
    public static async Task<Settlement> ReadAsync(NodeCluster cluster, Load load)
    {
        await Eventually.Async(
            async () => (await cluster.Database.ReadRowsAsync()).All(row => !row.IsOpen),
            NodeCluster.Lease + Longest,
            () => string.Join('\n', cluster.Nodes.Select(node => node.Process.Tail())),
            "every lease has been released");
        var rows = await cluster.Database.ReadRowsAsync();
        Audit.NothingWasHeldTwice(rows);
        await Eventually.Async(
            async () =>
            {
                Audit.TheJournalAgrees(rows, await cluster.Database.ReadJournalAsync());
                return true;
            },
            TimeSpan.FromSeconds(10),
            expression: "the journal agrees with the ledger");
        return new Settlement(rows, load.Grants, load.Calls.Select(call => call.Key));
    }
}
