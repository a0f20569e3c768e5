using TokenManager.Actors.Cache;

namespace TokenManager.Actors;

/// <summary>The answer to an activation. Expected refusals are values, never exceptions.</summary>
public abstract record ActivateResult
{
    private ActivateResult() { }

    /// <summary>The user holds the token; the grant is durable.</summary>
    public sealed record Granted(Usage Usage) : ActivateResult;

    /// <summary>The user holds another token, under another usage id.</summary>
    public sealed record UserAlreadyActive : ActivateResult;

    /// <summary>Every token is in use.</summary>
    /// <param name="RetryAfter">Until the earliest release that is known, or the whole lease if none is; never negative.</param>
    public sealed record PoolExhausted(TimeSpan RetryAfter) : ActivateResult;

    /// <summary>The usage id belongs to another user, or to a usage that has ended.</summary>
    public sealed record UsageIdReused : ActivateResult;

    /// <summary>The pool or the database could not answer in time.</summary>
    /// <param name="OutcomeUnknown">
    /// False: nothing was granted. True: it may have been; asking again with the same usage id tells.
    /// </param>
    public sealed record Unavailable(bool OutcomeUnknown) : ActivateResult;
}

/// <summary>The answer to a holder's release.</summary>
public abstract record ReleaseResult
{
    private ReleaseResult() { }

    /// <summary>The usage was ended by its holder, now or by an earlier request for the same usage.</summary>
    public sealed record Released(Guid TokenId, Guid UsageId, DateTimeOffset ReleasedAt) : ReleaseResult;

    /// <summary>There is no such token.</summary>
    public sealed record TokenNotFound : ReleaseResult;

    /// <summary>The usage is not one of this token's.</summary>
    public sealed record UsageMismatch : ReleaseResult;

    /// <summary>The usage ended otherwise than by its holder.</summary>
    public sealed record AlreadyEnded(UsageEnd End) : ReleaseResult;

    /// <summary>The pool or the database could not answer in time.</summary>
    /// <param name="OutcomeUnknown">False: nothing was released. True: it may have been; asking again tells.</param>
    public sealed record Unavailable(bool OutcomeUnknown) : ReleaseResult;
}

/// <summary>The answer to clearing the pool.</summary>
public abstract record ClearResult
{
    private ClearResult() { }

    /// <summary>Every usage that ran when the clear began has ended, durably.</summary>
    /// <param name="Count">How many of them were ended by this clear.</param>
    public sealed record Cleared(int Count) : ClearResult;

    /// <summary>The pool or the database could not answer in time; some tokens may have been cleared.</summary>
    public sealed record Unavailable : ClearResult;
}

/// <summary>The answer to a question for a token's past.</summary>
public abstract record HistoryResult
{
    private HistoryResult() { }

    /// <summary>One page of a token's usages, newest first.</summary>
    /// <param name="TokenId">The token asked for.</param>
    /// <param name="Usages">At most as many as were asked for.</param>
    /// <param name="TotalUsages">All usages of the token, on every page.</param>
    /// <param name="NextBeforeFence">Ask for the usages below this fence to go on; null on the last page.</param>
    public sealed record Page(Guid TokenId, IReadOnlyList<Usage> Usages, long TotalUsages, long? NextBeforeFence)
        : HistoryResult;

    /// <summary>There is no such token.</summary>
    public sealed record TokenNotFound : HistoryResult;

    /// <summary>The database could not answer in time.</summary>
    public sealed record Unavailable : HistoryResult;
}

/// <summary>The answer to a question for the list that the ledger itself must answer.</summary>
public abstract record StrongListResult
{
    private StrongListResult() { }

    /// <summary>The tokens as one statement saw them.</summary>
    /// <param name="List">In the same bytes as the cache's.</param>
    /// <param name="AsOf">The statement's time by the database's clock, as text.</param>
    public sealed record Found(PreparedList List, string AsOf) : StrongListResult;

    /// <summary>The database could not answer in time.</summary>
    public sealed record Unavailable : StrongListResult;
}

/// <summary>The answer to a question for a token that the ledger itself must answer.</summary>
public abstract record StrongDetailsResult
{
    private StrongDetailsResult() { }

    /// <summary>The token as one statement saw it.</summary>
    /// <param name="Body">In the same bytes as the cache's.</param>
    /// <param name="AsOf">The statement's time by the database's clock, as text.</param>
    public sealed record Found(byte[] Body, string AsOf) : StrongDetailsResult;

    /// <summary>The pool had no such token.</summary>
    /// <param name="AsOf">The statement's time by the database's clock, as text.</param>
    public sealed record TokenNotFound(string AsOf) : StrongDetailsResult;

    /// <summary>The database could not answer in time.</summary>
    public sealed record Unavailable : StrongDetailsResult;
}
