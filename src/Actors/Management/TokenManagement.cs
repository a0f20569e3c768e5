using Microsoft.Extensions.Logging;
using TokenManager.Actors.Cache;

namespace TokenManager.Actors.Management;

/// <summary>Commands go the way of every caller, through the gateway; a token is shown from this node's cache.</summary>
internal sealed class TokenManagement(
    ITokenGateway gateway, IPoolMonitor pool, TokenCache cache, ILogger<TokenManagement> log) : ITokenManagement
{
    public Task<PoolStatus?> ReadStatusAsync(CancellationToken cancellationToken) => pool.ReadStatusAsync(cancellationToken);

    public TokenResult Find(Guid tokenId)
    {
        if (!cache.IsPrimed)
            return new TokenResult.NotPrimed();

        return cache.Find(tokenId) is { } token ? new TokenResult.Found(token) : new TokenResult.NotFound();
    }

    public async Task<ClearResult> ClearAsync(CancellationToken cancellationToken)
    {
        var result = await gateway.ClearAsync(cancellationToken);
        if (result is ClearResult.Cleared(var count))
            log.LogInformation("By an operator's command {Count} tokens were cleared", count);
        return result;
    }
}
