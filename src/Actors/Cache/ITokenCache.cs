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

/// <summary>A prepared answer.</summary>
/// <param name="Body">The bytes to send. Shared: never write to them.</param>
/// <param name="ETag">A strong validator of exactly these bytes, with its quotes.</param>
public sealed record PreparedList(ReadOnlyMemory<byte> Body, string ETag);

/// <summary>
/// This node's read model of the pool: lock-free for readers, never asks the database, never waits.
/// Readers must check <see cref="IsPrimed"/> first: before that, what is missing here may well exist.
/// </summary>
public interface ITokenCache
{
    /// <summary>True once every token of the pool has been seen.</summary>
    bool IsPrimed { get; }

    /// <summary>The list, put together at the first read after a burst of changes.</summary>
    PreparedList List(TokenFilter filter);

    /// <summary>The prepared details of a token of the pool; null if there is no such token.</summary>
    byte[]? Details(Guid tokenId);
}
