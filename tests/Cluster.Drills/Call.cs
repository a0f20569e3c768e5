namespace TokenManager.Cluster.Drills;

internal enum CallKind
{
    /// <summary>An activation for a new user.</summary>
    Activate,

    /// <summary>An activation that was granted, sent again to another target with the same key.</summary>
    SameKey,

    /// <summary>An activation for a user who was just granted a token.</summary>
    SameUser,
    List,
    Details,
    Clear,
}

internal enum Verdict
{
    /// <summary>2xx, and it says what it must.</summary>
    Good,

    /// <summary>A 422 that the rules ask for.</summary>
    Refused,

    /// <summary>No answer, or one that says to try again.</summary>
    Unavailable,

    /// <summary>An answer that no rule allows at any time.</summary>
    Wrong,
}

/// <summary>
/// A request to one of the targets, when it was sent and answered (or given up) by the monotonic clock, and what became
/// of it.
/// </summary>
internal sealed record Call(CallKind Kind, int Target, Guid User, Guid Key, long Sent, long Answered, Verdict Verdict, string Word)
{
    public bool IsRead => Kind is CallKind.List or CallKind.Details;

    public bool IsGranted => Kind is CallKind.Activate && Verdict is Verdict.Good;

    public bool HasFailed => Verdict is Verdict.Unavailable or Verdict.Wrong;
}
