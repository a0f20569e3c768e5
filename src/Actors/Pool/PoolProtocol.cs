using TokenManager.Actors.Serialization;

namespace TokenManager.Actors.Pool;

/// <summary>
/// What a gateway asks of the pool. Every request may be sent again; all but a clear, which counts what it ended, then get the
/// same answer.
/// </summary>
internal abstract record PoolRequest : IWireMessage
{
    private PoolRequest() { }

    /// <summary>
    /// By the database's clock: nobody waits for it any more, and another pool may have answered it. Null: nobody knows.
    /// </summary>
    public DateTimeOffset? NotAfter { get; init; }

    /// <summary>Lend a free token to a user.</summary>
    /// <param name="UserId">Who.</param>
    /// <param name="UsageId">The identity of the grant.</param>
    /// <param name="CallerChoseUsageId">
    /// True if it may have been used before, so that a refusal must first ask the ledger what the id stands for.
    /// </param>
    public sealed record ActivateToken(Guid UserId, Guid UsageId, bool CallerChoseUsageId) : PoolRequest;

    /// <summary>End a usage for its holder.</summary>
    public sealed record ReleaseToken(Guid TokenId, Guid UsageId) : PoolRequest;

    /// <summary>End every running usage.</summary>
    public sealed record ClearTokens : PoolRequest;
}

/// <summary>What the pool answers.</summary>
internal abstract record PoolAnswer : IWireMessage
{
    private PoolAnswer() { }

    /// <summary>The user holds the token.</summary>
    public sealed record Granted(Usage Usage) : PoolAnswer;

    /// <summary>The user holds another token.</summary>
    public sealed record UserAlreadyActive : PoolAnswer;

    /// <summary>Every token is in use.</summary>
    public sealed record Exhausted(TimeSpan RetryAfter) : PoolAnswer;

    /// <summary>The usage id is another user's, or has ended.</summary>
    public sealed record UsageIdReused : PoolAnswer;

    /// <summary>The usage has ended; its end says how.</summary>
    public sealed record Ended(Usage Usage) : PoolAnswer;

    /// <summary>There is no such token in the pool.</summary>
    public sealed record TokenNotFound : PoolAnswer;

    /// <summary>The usage was never the token's.</summary>
    public sealed record UsageMismatch : PoolAnswer;

    /// <summary>All usages that ran have ended.</summary>
    public sealed record Cleared(int Count) : PoolAnswer;

    /// <summary>Not now.</summary>
    public sealed record Unavailable(bool OutcomeUnknown) : PoolAnswer;

    /// <summary>The pool is going, or gone, and this request was not begun: its successor is to be asked.</summary>
    public sealed record Moved : PoolAnswer;
}

/// <summary>What caches and operators ask of the pool; answered directly, never over the topic.</summary>
internal abstract record PoolQuery : IWireMessage
{
    private PoolQuery() { }

    /// <summary>A fingerprint of all tokens and versions.</summary>
    /// <param name="Round">Comes back with the answer.</param>
    public sealed record GetDigest(long Round) : PoolQuery;

    /// <summary>The tokens of one bucket, asked of the very pool whose digest showed a difference.</summary>
    /// <param name="Round">That of the digest; comes back with the answer.</param>
    /// <param name="Bucket">Which.</param>
    public sealed record GetBucket(long Round, int Bucket) : PoolQuery;

    /// <summary>The pool in figures.</summary>
    public sealed record GetStatus : PoolQuery;
}

/// <summary>One fingerprint for each bucket of the pool's tokens.</summary>
/// <param name="Round">As it was asked for.</param>
/// <param name="Buckets">See <see cref="TokenDigest"/>.</param>
internal sealed record PoolDigest(long Round, IReadOnlyList<ulong> Buckets) : IWireMessage
{
    /// <summary>The database's time when this was made, or a little before: never later.</summary>
    public DateTimeOffset AsOf { get; init; }

    /// <summary>How many tokens the pool shall have; those from this ordinal on are in it only while they are lent.</summary>
    public int Size { get; init; }

    /// <summary>The database's time when <see cref="Size"/> was read: of two pools, the later reading counts.</summary>
    public DateTimeOffset SizeReadAt { get; init; }
}

/// <summary>All tokens of one bucket.</summary>
/// <param name="Bucket">Which.</param>
/// <param name="Tokens">What the pool knows of them.</param>
internal sealed record PoolBucket(int Bucket, IReadOnlyList<TokenView> Tokens) : IWireMessage
{
    /// <summary>As it was asked for.</summary>
    public long Round { get; init; }
}
