using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using TokenManager.Actors;
using TokenManager.Actors.Management;

namespace TokenManager.Http.Management;

/// <summary>The pool's part of the management API.</summary>
internal static class PoolEndpoints
{
    public static void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/pool", PoolAsync).WithTimeLimit();
        endpoints.MapGet("/tokens/{id}", Token);
        endpoints.MapPost("/tokens/clear", ClearAsync).WithTimeLimit(TimeLimit.ClearPolicy);

        // Without this, GET /tokens/clear would be taken for a token of that name.
        endpoints.Map("/tokens/clear", ApiErrors.PostOnlyAsync);
    }

    private static async Task<IResult> PoolAsync(HttpContext context, ITokenManagement tokens) =>
        await tokens.ReadStatusAsync(context.RequestAborted) is { } status
            ? Answer.Of(ToContract(status), PoolJson.Default.PoolFigures)
            : ManagementErrors.PoolUnavailable;

    private static IResult Token(string id, ITokenManagement tokens)
    {
        if (!StrictUuid.TryParse(id, out var tokenId)) return ApiErrors.InvalidTokenId;

        return tokens.Find(tokenId) switch
        {
            TokenResult.Found found => Answer.Of(ToContract(found.Token), PoolJson.Default.ManagedToken),
            TokenResult.NotFound => ApiErrors.TokenNotFound,
            TokenResult.NotPrimed => ApiErrors.NotPrimed,
            var result => throw new UnreachableException($"There is no token result {result}."),
        };
    }

    private static async Task<IResult> ClearAsync(HttpContext context, ITokenManagement tokens)
    {
        if (await RequestBody.IgnoreAsync(context.Request, context.RequestAborted) is { } error) return error;

        return await tokens.ClearAsync(context.RequestAborted) switch
        {
            ClearResult.Cleared cleared => Answer.Of(
                new ClearedTokens(cleared.Count, TokenEndpoints.ClearMessage(cleared.Count)), PoolJson.Default.ClearedTokens),
            ClearResult.Unavailable => ApiErrors.ClearUnavailable,
            var result => throw new UnreachableException($"There is no clear result {result}."),
        };
    }

    private static PoolFigures ToContract(PoolStatus status) => new(
        status.Total,
        status.Free,
        status.Active,
        status.Reserved,
        status.InFlight,
        status.Waiting,
        status.NextRelease is { } next ? Math.Round(next.TotalSeconds, 3) : null,
        status.RebuiltAt,
        status.Node);

    private static ManagedToken ToContract(TokenView token) => new(
        token.TokenId,
        token.Ordinal,
        token.Current is null ? "available" : "active",
        token.Fence,
        token.Current?.UsageId,
        token.Current?.UserId,
        token.Current?.StartedAt,
        token.Current?.ExpiresAt);
}
