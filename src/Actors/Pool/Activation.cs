namespace TokenManager.Actors.Pool;

/// <summary>An activation whose outcome is not known yet.</summary>
internal sealed class Activation(PoolRequest.ActivateToken request, TimeSpan givesUpAt)
{
    /// <summary>How long an ask may still be carried out after it was made.</summary>
    public static readonly TimeSpan AskLasts = TimeSpan.FromSeconds(1.5);

    private static readonly TimeSpan AbandonedAfter = TimeSpan.FromSeconds(6);

    // What took effect at the last moment is not seen before it is committed.
    private static readonly TimeSpan CommitLasts = TimeSpan.FromSeconds(0.5);

    // Asks that may be carried out, as far as anybody has said.
    private readonly HashSet<long> _openAsks = [];
    private bool _isAnswerLate;
    private bool _isInDoubt;

    public PoolRequest.ActivateToken Request { get; } = request;

    /// <summary>After this, no further token or wait is tried for it, unless its outcome is unknown.</summary>
    public TimeSpan GivesUpAt { get; set; } = givesUpAt;

    /// <summary>The token that was asked; null while it waits for one.</summary>
    public Slot? Slot
    {
        get;
        set
        {
            field = value;
            Unanswered = 0;
        }
    }

    /// <summary>Its place among those that wait for a token to come back, while it does.</summary>
    public LinkedListNode<Activation>? WaitingNode { get; set; }

    /// <summary>
    /// True while an ask may have reached the ledger and is not answered in time, or is answered that nobody knows: only a
    /// definite answer ends it then.
    /// </summary>
    public bool OutcomeUnknown => _isInDoubt || (_isAnswerLate && _openAsks.Count > 0);

    /// <summary>How often its token was asked since it last said something.</summary>
    public int Unanswered { get; set; }

    /// <summary>Its token did not answer in time, and was asked again.</summary>
    public bool IsTokenSilent => Unanswered > 1;

    /// <summary>Its end, unless the ledger, which is being asked, has its usage.</summary>
    public PoolAnswer? Refusal { get; set; }

    /// <summary>From then on the ledger shows whatever the asks have led to.</summary>
    public TimeSpan AsksAreOverAt { get; private set; }

    /// <summary>True once the overdue token that stands in its way has been woken for it.</summary>
    public bool HasWokenHolder { get; set; }

    /// <summary>How often a token or the ledger was asked.</summary>
    public int Asks { get; set; }

    /// <summary>When to ask, or look for a token, again.</summary>
    public TimeSpan NextAsk { get; set; }

    public List<Caller> Callers { get; } = [];

    /// <summary>A token did not answer in time.</summary>
    public void MissAnswer() => _isAnswerLate = true;

    /// <summary>Nobody knows what an ask came to, or the ledger has its usage: it stays so until the end.</summary>
    public void Doubt() => _isInDoubt = true;

    /// <summary>An ask came to nothing, and never will come to anything.</summary>
    public void Settle(long ask) => _openAsks.Remove(ask);

    /// <summary>A token is asked.</summary>
    /// <returns>After this, the ask must not take effect any more.</returns>
    public TimeSpan LimitAsk(long ask, TimeSpan now)
    {
        _openAsks.Add(ask);
        var notAfter = now + AskLasts;
        AsksAreOverAt = notAfter + CommitLasts;
        return notAfter;
    }

    /// <summary>Long past the time of everybody who asked for it.</summary>
    public bool IsAbandonedAt(TimeSpan now) => Callers.Count == 0 && now > GivesUpAt + AbandonedAfter;

    /// <summary>
    /// Requests of the same user under other usage ids, or under this one when it was refused already: they wait for its
    /// outcome.
    /// </summary>
    public Queue<(PoolRequest.ActivateToken Request, Caller Caller)> Followers { get; } = [];
}
