namespace TokenManager.Actors.Pool;

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

    /// <summary>Its end, unless the ledger, which is being asked, has its usage.</summary>
    public PoolAnswer? Refusal { get; set; }

    /// <summary>When it was refused; meaningful while it is.</summary>
    public TimeSpan RefusedAt { get; set; }

    /// <summary>True once the overdue token that stands in its way has been woken for it.</summary>
    public bool HasWokenHolder { get; set; }

    /// <summary>How often a token or the ledger was asked.</summary>
    public int Asks { get; set; }

    /// <summary>When to ask, or look for a token, again.</summary>
    public TimeSpan NextAsk { get; set; }

    public List<Caller> Callers { get; } = [];

    /// <summary>Long past the time of everybody who asked for it.</summary>
    public bool IsAbandonedAt(TimeSpan now) => Callers.Count == 0 && now > GivesUpAt + AbandonedAfter;

    /// <summary>Requests of the same user under other usage ids: they wait for this one's outcome.</summary>
    public Queue<(PoolRequest.ActivateToken Request, Caller Caller)> Followers { get; } = [];
}
