using TokenManager.Actors;
using TokenManager.Actors.Cache;

namespace TokenManager.Faults.Node;

internal sealed class MiscountsClears(TokenGateway gateway) : ITokenGateway
{
    public async Task<ClearResult> ClearAsync(CancellationToken cancellationToken)
    {
        var result = await gateway.ClearAsync(cancellationToken);
        return result is ClearResult.Cleared(var count) ? new ClearResult.Cleared(count + 1) : result;
    }

    public Task<ActivateResult> ActivateAsync(Guid userId, Guid? usageId, CancellationToken cancellationToken) =>
        gateway.ActivateAsync(userId, usageId, cancellationToken);

    public Task<ReleaseResult> ReleaseAsync(Guid tokenId, Guid usageId, CancellationToken cancellationToken) =>
        gateway.ReleaseAsync(tokenId, usageId, cancellationToken);

    public Task<StrongListResult> ReadListAsync(TokenFilter filter, CancellationToken cancellationToken) =>
        gateway.ReadListAsync(filter, cancellationToken);

    public Task<StrongDetailsResult> ReadDetailsAsync(Guid tokenId, CancellationToken cancellationToken) =>
        gateway.ReadDetailsAsync(tokenId, cancellationToken);

    public Task<HistoryResult> ReadHistoryAsync(
        Guid tokenId, long? beforeFence, int limit, CancellationToken cancellationToken) =>
        gateway.ReadHistoryAsync(tokenId, beforeFence, limit, cancellationToken);
}
