namespace TokenManager.Actors.Cache;

/// <summary>Which tokens a list holds.</summary>
public enum TokenFilter
{
    /// <summary>All of the pool.</summary>
    All,

    /// <summary>Those that are lent.</summary>
    Active,

    /// <summary>Those that are not.</summary>
    Available,
}

/// <summary>
/// This node's read model of the pool: lock-free for readers, never asks the database, never waits.
/// Readers must look at <see cref="AsOf"/> first: before there is one, what is missing here may well exist, and what is
/// read after it is at least as new as it says.
/// </summary>
public interface ITokenCache
{
    /// <summary>True once every token of the pool has been seen.</summary>
    bool IsPrimed { get; }

    /// <summary>
    /// The moment, as text and by the database's clock, as of which the cache was last proven current against the pool:
    /// whatever the pool had heard of by then is shown here. Never goes back; null until primed.
    /// </summary>
    string? AsOf { get; }

    /// <summary>The list, put together at the first read after a burst of changes.</summary>
    PreparedList List(TokenFilter filter);

    /// <summary>The prepared details of a token of the pool; null if there is no such token.</summary>
    byte[]? Details(Guid tokenId);
}
