namespace TokenManager.Actors;

/// <summary>Why a usage ended. The words are part of the HTTP contract and of the ledger.</summary>
public enum EndReason
{
    /// <summary>Its lease ran out.</summary>
    Expired = 1,

    /// <summary>An operator cleared the pool.</summary>
    Cleared = 2,

    /// <summary>Its holder gave it back.</summary>
    Released = 3,

    /// <summary>It was the longest-held token of an exhausted pool that evicts.</summary>
    Evicted = 4,
}

/// <summary>How and when a usage ended, by the database's clock.</summary>
/// <param name="At">Never before the usage's start.</param>
/// <param name="Reason">Decided once, by whoever's statement closed the row.</param>
public sealed record UsageEnd(DateTimeOffset At, EndReason Reason);

/// <summary>
/// One period in which one user holds one token: a row of <c>token_usages</c>, the only thing that grants anything.
/// </summary>
/// <param name="UsageId">Identity of the grant, and the holder's proof.</param>
/// <param name="TokenId">The token lent.</param>
/// <param name="UserId">The user it is lent to.</param>
/// <param name="Fence">Strictly increases by one with every usage of the token, starting at 1.</param>
/// <param name="StartedAt">By the database's clock, in microseconds, UTC.</param>
/// <param name="ExpiresAt"><paramref name="StartedAt"/> plus the lease.</param>
/// <param name="End">Null while the usage runs.</param>
public sealed record Usage(
    Guid UsageId,
    Guid TokenId,
    Guid UserId,
    long Fence,
    DateTimeOffset StartedAt,
    DateTimeOffset ExpiresAt,
    UsageEnd? End)
{
    /// <summary>True until the row is closed, even if the lease has run out meanwhile.</summary>
    public bool IsOpen => End is null;
}
