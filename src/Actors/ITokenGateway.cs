using TokenManager.Actors.Cache;

namespace TokenManager.Actors;

/// <summary>
/// The one way into the pool for everything outside it. Every call ends in time, with <c>Unavailable</c> if nobody answered.
/// </summary>
public interface ITokenGateway
{
    /// <summary>
    /// Lends a free token to a user. The pool is asked for 4.25 s; what ledger or cache must still say then may add 5 s.
    /// </summary>
    /// <param name="userId">Who it is for; not the nil UUID.</param>
    /// <param name="usageId">The caller's idempotency key, or null to have one made.</param>
    /// <param name="cancellationToken">Stops waiting, not the activation.</param>
    Task<ActivateResult> ActivateAsync(Guid userId, Guid? usageId, CancellationToken cancellationToken);

    /// <summary>Ends the named usage, and no other, within the same time.</summary>
    /// <param name="tokenId">The token.</param>
    /// <param name="usageId">Which of its usages.</param>
    /// <param name="cancellationToken">Stops waiting, not the release.</param>
    Task<ReleaseResult> ReleaseAsync(Guid tokenId, Guid usageId, CancellationToken cancellationToken);

    /// <summary>Ends every running usage, within 65 s: all that it ended is durable then.</summary>
    /// <param name="cancellationToken">Stops waiting, not the clear.</param>
    Task<ClearResult> ClearAsync(CancellationToken cancellationToken);

    /// <summary>Reads the whole pool from the ledger, and nothing older than this call, within 10 s.</summary>
    /// <param name="filter">Which tokens the list holds.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task<StrongListResult> ReadListAsync(TokenFilter filter, CancellationToken cancellationToken);

    /// <summary>Reads a token from the ledger, and nothing older than this call.</summary>
    Task<StrongDetailsResult> ReadDetailsAsync(Guid tokenId, CancellationToken cancellationToken);

    /// <summary>Reads a page of a token's usages from the ledger.</summary>
    /// <param name="tokenId">The token.</param>
    /// <param name="beforeFence">Only usages with a lower fence; null for the newest.</param>
    /// <param name="limit">1 to 1000.</param>
    /// <param name="cancellationToken">Stops the query.</param>
    Task<HistoryResult> ReadHistoryAsync(
        Guid tokenId, long? beforeFence, int limit, CancellationToken cancellationToken);
}
