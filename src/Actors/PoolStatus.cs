using TokenManager.Actors.Serialization;

namespace TokenManager.Actors;

/// <summary>The pool in figures, as its singleton believes.</summary>
/// <param name="Total">Tokens of the pool; always <paramref name="Free"/> + <paramref name="Active"/> + <paramref name="Reserved"/>.</param>
/// <param name="Free">Can be lent at once.</param>
/// <param name="Active">Lent.</param>
/// <param name="Reserved">An activation of theirs is under way.</param>
/// <param name="Waiting">Requests that wait for anything.</param>
/// <param name="NextRelease">Until the lease that ends first is over: zero if it is overdue, null when nothing is lent.</param>
public sealed record PoolStatus(
    int Total, int Free, int Active, int Reserved, int Waiting, TimeSpan? NextRelease) : IWireMessage
{
    /// <summary>Activations and releases whose outcome is not known yet; 0 from a pool of an older version.</summary>
    public int InFlight { get; init; }

    /// <summary>
    /// When this pool read the ledger for the first time, by the database's clock; with its node, it tells one pool from the
    /// next. Null from a pool of an older version.
    /// </summary>
    public DateTimeOffset? RebuiltAt { get; init; }

    /// <summary>The cluster address of the node where the pool is; null from a pool of an older version.</summary>
    public string? Node { get; init; }
}

/// <summary>Looks at the pool without touching it.</summary>
public interface IPoolMonitor
{
    /// <summary>The pool's figures, or null if it does not answer within a second.</summary>
    Task<PoolStatus?> ReadStatusAsync(CancellationToken cancellationToken);
}
