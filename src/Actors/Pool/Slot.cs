namespace TokenManager.Actors.Pool;

/// <summary>What the pool believes of one token.</summary>
internal abstract record SlotState
{
    private SlotState() { }

    /// <summary>Can be lent.</summary>
    public sealed record Free : SlotState
    {
        public static readonly Free Instance = new();
    }

    /// <summary>Promised to an activation whose outcome is not known yet.</summary>
    public sealed record Reserved(Activation For) : SlotState;

    /// <summary>Lent. <paramref name="Deadline"/> is on this process's own clock, which only measures spans.</summary>
    public sealed record Lent(Usage Usage, TimeSpan Deadline) : SlotState;

    /// <summary>No longer in the books, but something that was asked of it may not be answered yet.</summary>
    public sealed record Retired : SlotState
    {
        public static readonly Retired Instance = new();
    }
}

/// <summary>One token in the pool's books.</summary>
internal sealed class Slot(Guid tokenId, int ordinal)
{
    public Guid TokenId { get; } = tokenId;

    public int Ordinal { get; } = ordinal;

    /// <summary>The fence of the newest usage known.</summary>
    public long Fence { get; set; }

    public SlotState State { get; set; } = SlotState.Free.Instance;

    /// <summary>When to wake the token's actor if it has not reported its release; meaningful while lent.</summary>
    public TimeSpan WakeAt { get; set; }

    /// <summary>This slot's place in the queue of free ones, while free.</summary>
    public LinkedListNode<Slot>? FreeNode { get; set; }

    public Usage? Usage => (State as SlotState.Lent)?.Usage;

    public long Version => TokenView.VersionOf(Fence, State is SlotState.Lent);

    public TokenView View => new(TokenId, Ordinal, Fence, Usage);

    /// <summary>Longest held first.</summary>
    public static readonly IComparer<Slot> ByStart = Comparer<Slot>.Create((a, b) =>
    {
        var order = a.Usage!.StartedAt.CompareTo(b.Usage!.StartedAt);
        return order != 0 ? order : a.Ordinal.CompareTo(b.Ordinal);
    });

    /// <summary>Next to be woken first.</summary>
    public static readonly IComparer<Slot> ByWake = Comparer<Slot>.Create((a, b) =>
    {
        var order = a.WakeAt.CompareTo(b.WakeAt);
        return order != 0 ? order : a.Ordinal.CompareTo(b.Ordinal);
    });
}

/// <summary>Somebody who waits for an answer, until they have surely given up.</summary>
internal readonly record struct Caller(object To, TimeSpan GivesUpAt);

/// <summary>An activation whose outcome is not known yet.</summary>
internal sealed class Activation(PoolRequest.ActivateToken request, TimeSpan givesUpAt)
{
    private static readonly TimeSpan AbandonedAfter = TimeSpan.FromSeconds(6);

    public PoolRequest.ActivateToken Request { get; } = request;

    /// <summary>After this, no further token or wait is tried for it, unless its outcome is unknown.</summary>
    public TimeSpan GivesUpAt { get; } = givesUpAt;

    /// <summary>The token that was asked; null while it waits for one.</summary>
    public Slot? Slot { get; set; }

    /// <summary>Its place among those that wait for a token to come back, while it does.</summary>
    public LinkedListNode<Activation>? WaitingNode { get; set; }

    /// <summary>True once an ask may have reached the ledger without an answer: only a definite answer ends it then.</summary>
    public bool OutcomeUnknown { get; set; }

    /// <summary>True once the overdue token that stands in its way has been woken for it.</summary>
    public bool HasWokenHolder { get; set; }

    public int Asks { get; set; }

    /// <summary>When to ask, or look for a token, again.</summary>
    public TimeSpan NextAsk { get; set; }

    public List<Caller> Callers { get; } = [];

    /// <summary>Long past the time of everybody who asked for it.</summary>
    public bool IsAbandonedAt(TimeSpan now) => Callers.Count == 0 && now > GivesUpAt + AbandonedAfter;

    /// <summary>Requests of the same user under other usage ids: they wait for this one's outcome.</summary>
    public Queue<(PoolRequest.ActivateToken Request, Caller Caller)> Followers { get; } = [];
}

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

/// <summary>A clear under way.</summary>
internal sealed class Clear
{
    public List<object> Callers { get; } = [];

    public Queue<(Slot Slot, Guid UsageId)> Left { get; } = [];

    /// <summary>True until the ledger has been read for it.</summary>
    public bool AwaitsLoad { get; set; }

    public int UnderWay { get; set; }

    public int Count { get; set; }

    /// <summary>When to give up if nothing more comes back.</summary>
    public TimeSpan GivesUpAt { get; set; }
}
