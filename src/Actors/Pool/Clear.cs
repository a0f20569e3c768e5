namespace TokenManager.Actors.Pool;

/// <summary>A clear under way.</summary>
internal sealed class Clear
{
    public List<Caller> Callers { get; } = [];

    public Queue<(Slot Slot, Guid UsageId)> Left { get; } = [];

    /// <summary>True until the ledger has been read for it.</summary>
    public bool AwaitsLoad { get; set; }

    public int UnderWay { get; set; }

    public int Count { get; set; }

    /// <summary>When to give up if nothing more comes back.</summary>
    public TimeSpan GivesUpAt { get; set; }
}
