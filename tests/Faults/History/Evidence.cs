using TokenManager.Testing;

namespace TokenManager.Faults.History;

/// <summary>What the journal remembers of a token, in the order of sequence numbers, from 1 without a gap.</summary>
internal sealed record JournalEvent(
    Guid TokenId, long SequenceNumber, Guid UsageId, Guid? UserId, long Fence, long? Started, long? Expires, long? Ended, string? Reason)
{
    public bool IsActivation => Ended is null;
}

/// <summary>How a node shows the pool when nothing is going on any more.</summary>
/// <param name="Node">Its number.</param>
/// <param name="List">Every token, from the list.</param>
/// <param name="Details">Every token, asked for by itself; it does not say when the lease ends for one that is available.</param>
internal sealed record QuietNode(int Node, IReadOnlyList<Listed> List, IReadOnlyList<Listed> Details);

/// <summary>What the ledger said was lent, and how every node's list showed the pool meanwhile.</summary>
internal sealed record LentPool(IReadOnlyList<Listed> Open, IReadOnlyList<QuietNode> Nodes);

/// <summary>Everything that is known after a run: what was asked and answered, what was done, and what is stored.</summary>
internal sealed record Evidence
{
    /// <summary>The database's time at which the recording began: what is stored minus this is when it was, in the recording.</summary>
    public required long Epoch { get; init; }

    public required int PoolSize { get; init; }

    /// <summary>In microseconds.</summary>
    public required long Lease { get; init; }

    public required IReadOnlyList<Operation> Operations { get; init; }

    public IReadOnlyList<Fault> Faults { get; init; } = [];

    /// <summary>Every row of the ledger.</summary>
    public required IReadOnlyList<Row> Rows { get; init; }

    public required IReadOnlyList<JournalEvent> Journal { get; init; }

    /// <summary>At the end, when every token is free.</summary>
    public IReadOnlyList<QuietNode> Nodes { get; init; } = [];

    /// <summary>Shortly before, when some tokens were lent and nothing was going on.</summary>
    public LentPool? Lent { get; init; }

    /// <summary>When this was gathered, in microseconds since the recording began.</summary>
    public required long Ended { get; init; }

    /// <summary>Whether no fault was about in this span, and none had been so shortly before that tokens still moved.</summary>
    public bool IsCalm(long from, long to) => !Faults.Any(fault =>
        fault.Effect is not Effect.None && fault.Began <= to && from <= fault.Recovered + Fault.Settling);

    /// <summary>Activations that were answered 200.</summary>
    public IEnumerable<(Operation Operation, Grant Grant)> Grants() => Operations
        .Where(operation => operation.Kind is Kind.Activate)
        .Select(operation => (operation, (operation.Answer as Answer.Granted)?.Grant))
        .Where(grant => grant.Item2 is not null)
        .Select(grant => (grant.operation, grant.Item2!));

    /// <summary>
    /// Every time span for which somebody had reason to believe that a token was theirs: the rows of the ledger, and what was
    /// acknowledged and is not in it. Microseconds since the Unix epoch.
    /// </summary>
    public IReadOnlyList<Holding> Holdings()
    {
        var stored = Rows.ToDictionary(row => row.UsageId);
        var lost = Grants().Select(grant => grant.Grant).Where(grant => !stored.ContainsKey(grant.UsageId)).Distinct()
            .Select(grant => new Holding(grant.UsageId, grant.TokenId, grant.UserId, grant.Fence, grant.Started, grant.Expires));
        return
        [
            .. Rows.Select(row => new Holding(
                row.UsageId, row.TokenId, row.UserId, row.Fence, row.Started, row.Ended ?? Epoch + Ended)),
            .. lost,
        ];
    }
}

/// <summary>From when until when a user held a token.</summary>
internal sealed record Holding(Guid UsageId, Guid TokenId, Guid UserId, long Fence, long From, long To);
