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

    /// <summary>Promised to an activation whose outcome is not known yet; it would be this usage.</summary>
    public sealed record Reserved(Guid UsageId) : SlotState;

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

    /// <summary>Its lease is over, but nobody has said that it has come back.</summary>
    public bool IsOverdueAt(TimeSpan now) => State is SlotState.Lent lent && lent.Deadline <= now;

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
