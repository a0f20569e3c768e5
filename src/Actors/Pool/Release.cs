namespace TokenManager.Actors.Pool;

/// <summary>A release whose outcome is not known yet.</summary>
internal sealed class Release(Guid tokenId, Guid usageId, EndReason reason)
{
    public Guid TokenId { get; } = tokenId;

    public Guid UsageId { get; } = usageId;

    public EndReason Reason { get; } = reason;

    public int Asks { get; set; }

    public TimeSpan NextAsk { get; set; }

    public List<Caller> Callers { get; } = [];

    /// <summary>True once it may have reached the ledger without an answer.</summary>
    public bool OutcomeUnknown { get; set; }

    /// <summary>The clear that counts it, if any.</summary>
    public Clear? Clear { get; set; }
}
