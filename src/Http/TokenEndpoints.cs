using System.Diagnostics;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using TokenManager.Actors;
using TokenManager.Actors.Cache;
using TokenManager.Http.OpenApi;

namespace TokenManager.Http;

/// <summary>The routes of the API. Reads come from this node's cache, unless they ask for more; everything else goes through the gateway.</summary>
internal static class TokenEndpoints
{
    public const string Prefix = "/api/tokens";

    /// <summary>As of when a read is true, by the database's clock. A header, so that bodies and entity tags stay as they are.</summary>
    public const string TokenAsOfHeader = "Token-As-Of";

    private const int DefaultHistoryLimit = 100;
    private const int MaxHistoryLimit = 1000;

    private static readonly ApiError UnknownConsistency =
        ApiErrors.Parameter("consistency", "must be strong or eventual");

    private static readonly string[] Read = [HttpMethods.Get, HttpMethods.Head];

    private enum Consistency
    {
        /// <summary>From this node's memory.</summary>
        Eventual,

        /// <summary>From the ledger.</summary>
        Strong,
    }

    public static void Map(IEndpointRouteBuilder endpoints)
    {
        var tokens = endpoints.MapGroup(Prefix);

        // Looked up once: a service among a handler's parameters costs each request a scope.
        var cache = endpoints.ServiceProvider.GetRequiredService<ITokenCache>();
        Delegate list = (HttpContext context) => List(context, cache);
        Delegate details = (HttpContext context, string id) => Details(context, id, cache);
        tokens.MapMethods("/", Read, list).Describe(Operations.List);
        tokens.MapMethods("/{id}", Read, details).Describe(Operations.Details);
        tokens.MapMethods("/{id}/history", Read, HistoryAsync).Describe(Operations.History).WithTimeLimit();
        tokens.MapPost("/activate", ActivateAsync).Describe(Operations.Activate).WithTimeLimit();
        tokens.MapPost("/{id}/release", ReleaseAsync).Describe(Operations.Release).WithTimeLimit();
        tokens.MapPost("/clear", ClearAsync).Describe(Operations.Clear).WithTimeLimit(TimeLimit.ClearPolicy);

        // Without these, GET /activate would be taken for the details of a token of that name.
        tokens.Map("/activate", ApiErrors.PostOnlyAsync).ExcludeFromDescription();
        tokens.Map("/clear", ApiErrors.PostOnlyAsync).ExcludeFromDescription();
    }

    private static Task List(HttpContext context, ITokenCache cache)
    {
        if (ReadFilter(context.Request) is not { } filter)
            return ApiErrors.Parameter("status", "must be active or available").ExecuteAsync(context);
        if (ReadConsistency(context.Request) is not { } consistency)
            return UnknownConsistency.ExecuteAsync(context);
        // Before the list, which is then at least as new as this says.
        if (cache.AsOf is not { } asOf)
            return ApiErrors.NotPrimed.ExecuteAsync(context);

        return consistency is Consistency.Strong
            ? StrongListAsync(context, Gateway(context), filter)
            : Send(context, cache.List(filter), asOf);
    }

    private static ITokenGateway Gateway(HttpContext context) => context.RequestServices.GetRequiredService<ITokenGateway>();

    private static async Task StrongListAsync(HttpContext context, ITokenGateway gateway, TokenFilter filter) =>
        await (await gateway.ReadListAsync(filter, context.RequestAborted) switch
        {
            StrongListResult.Found found => Send(context, found.List, found.AsOf),
            StrongListResult.Unavailable => ApiErrors.LedgerUnavailable.ExecuteAsync(context),
            var result => throw new UnreachableException($"There is no list result {result}."),
        });

    private static Task Send(HttpContext context, PreparedList list, string asOf)
    {
        context.Response.Headers.ETag = list.ETag;
        context.Response.Headers[TokenAsOfHeader] = asOf;
        return EntityTags.NoneMatchFails(context.Request.Headers.IfNoneMatch, list.ETag)
            ? Answer.NotModified(context)
            : Answer.WriteAsync(context, list.Body);
    }

    private static Task Details(HttpContext context, string id, ITokenCache cache)
    {
        if (!StrictUuid.TryParse(id, out var tokenId))
            return ApiErrors.InvalidTokenId.ExecuteAsync(context);
        if (ReadConsistency(context.Request) is not { } consistency)
            return UnknownConsistency.ExecuteAsync(context);
        if (cache.AsOf is not { } asOf)
            return ApiErrors.NotPrimed.ExecuteAsync(context);

        return consistency is Consistency.Strong
            ? StrongDetailsAsync(context, Gateway(context), tokenId)
            : Send(context, cache.Details(tokenId), asOf);
    }

    private static async Task StrongDetailsAsync(HttpContext context, ITokenGateway gateway, Guid tokenId) =>
        await (await gateway.ReadDetailsAsync(tokenId, context.RequestAborted) switch
        {
            StrongDetailsResult.Found found => Send(context, found.Body, found.AsOf),
            StrongDetailsResult.TokenNotFound missing => Send(context, details: null, missing.AsOf),
            StrongDetailsResult.Unavailable => ApiErrors.LedgerUnavailable.ExecuteAsync(context),
            var result => throw new UnreachableException($"There is no details result {result}."),
        });

    private static Task Send(HttpContext context, byte[]? details, string asOf)
    {
        context.Response.Headers[TokenAsOfHeader] = asOf;
        return details is null
            ? ApiErrors.TokenNotFound.ExecuteAsync(context)
            : Answer.WriteAsync(context, details);
    }

    private static async Task<IResult> HistoryAsync(HttpContext context, string id, ITokenGateway gateway)
    {
        if (!StrictUuid.TryParse(id, out var tokenId)) return ApiErrors.InvalidTokenId;
        var limit = ReadLimit(context.Request.Query["limit"]);
        if (limit.Error is not null) return limit.Error;
        var cursor = ReadCursor(context.Request.Query["cursor"]);
        if (cursor.Error is not null) return cursor.Error;

        return await gateway.ReadHistoryAsync(tokenId, cursor.Value, limit.Value, context.RequestAborted) switch
        {
            HistoryResult.Page page => Answer.Of(ToResponse(page), ContractJson.Default.HistoryResponse),
            HistoryResult.TokenNotFound => ApiErrors.TokenNotFound,
            HistoryResult.Unavailable => ApiErrors.Unavailable,
            var result => throw new UnreachableException($"There is no history result {result}."),
        };
    }

    private static async Task<IResult> ActivateAsync(HttpContext context, ITokenGateway gateway)
    {
        var userId = await RequestBody.ReadUuidAsync(
            context.Request, "user_id", ApiErrors.InvalidUserId, context.RequestAborted);
        if (userId.Error is not null) return userId.Error;
        var usageId = ReadIdempotencyKey(context.Request.Headers[ApiErrors.IdempotencyKeyHeader]);
        if (usageId.Error is not null) return usageId.Error;

        return await gateway.ActivateAsync(userId.Value, usageId.Value, context.RequestAborted) switch
        {
            ActivateResult.Granted granted =>
                Answer.Of(ToResponse(granted.Usage), ContractJson.Default.ActivateResponse),
            ActivateResult.UserAlreadyActive => ApiErrors.UserAlreadyActive,
            ActivateResult.PoolExhausted exhausted => ApiErrors.PoolExhausted(exhausted.RetryAfter),
            ActivateResult.UsageIdReused => ApiErrors.IdempotencyKeyReused,
            ActivateResult.Unavailable unavailable => ApiErrors.ActivationUnavailable(unavailable.OutcomeUnknown),
            var result => throw new UnreachableException($"There is no activate result {result}."),
        };
    }

    private static async Task<IResult> ReleaseAsync(HttpContext context, string id, ITokenGateway gateway)
    {
        if (!StrictUuid.TryParse(id, out var tokenId)) return ApiErrors.InvalidTokenId;
        var usageId = await RequestBody.ReadUuidAsync(
            context.Request, "usage_id", ApiErrors.InvalidUsageId, context.RequestAborted);
        if (usageId.Error is not null) return usageId.Error;

        return await gateway.ReleaseAsync(tokenId, usageId.Value, context.RequestAborted) switch
        {
            ReleaseResult.Released released =>
                Answer.Of(ToResponse(released), ContractJson.Default.ReleaseResponse),
            ReleaseResult.TokenNotFound => ApiErrors.TokenNotFound,
            ReleaseResult.UsageMismatch => ApiErrors.UsageMismatch,
            ReleaseResult.AlreadyEnded ended => ApiErrors.EndedBefore(ended.End),
            ReleaseResult.Unavailable unavailable => ApiErrors.ReleaseUnavailable(unavailable.OutcomeUnknown),
            var result => throw new UnreachableException($"There is no release result {result}."),
        };
    }

    private static async Task<IResult> ClearAsync(HttpContext context, ITokenGateway gateway, ILoggerFactory logging)
    {
        if (await RequestBody.IgnoreAsync(context.Request, context.RequestAborted) is { } error) return error;

        var result = await gateway.ClearAsync(context.RequestAborted);
        if (result is ClearResult.Cleared { Count: > 0 and var count })
            logging.CreateLogger("TokenManager").LogInformation("At a caller's request {Count} tokens were cleared", count);
        return result switch
        {
            ClearResult.Cleared cleared => Answer.Of(ToResponse(cleared), ContractJson.Default.ClearResponse),
            ClearResult.Unavailable => ApiErrors.ClearUnavailable,
            _ => throw new UnreachableException($"There is no clear result {result}."),
        };
    }

    private static TokenFilter? ReadFilter(HttpRequest request)
    {
        if (!request.QueryString.HasValue) return TokenFilter.All;
        if (!request.Query.TryGetValue("status", out var status)) return TokenFilter.All;
        return status.Count == 1 ? OfWord(status[0]) : null;

        static TokenFilter? OfWord(string? word) => word switch
        {
            "active" => TokenFilter.Active,
            "available" => TokenFilter.Available,
            _ => null,
        };
    }

    private static Consistency? ReadConsistency(HttpRequest request)
    {
        if (!request.QueryString.HasValue) return Consistency.Eventual;
        if (!request.Query.TryGetValue("consistency", out var consistency)) return Consistency.Eventual;
        return consistency.Count == 1 ? OfWord(consistency[0]) : null;

        static Consistency? OfWord(string? word) => word switch
        {
            "eventual" => Consistency.Eventual,
            "strong" => Consistency.Strong,
            _ => null,
        };
    }

    private static Checked<int> ReadLimit(StringValues values)
    {
        if (values.Count == 0) return DefaultHistoryLimit;
        return values.Count == 1
            && int.TryParse(values[0], NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
            && limit is >= 1 and <= MaxHistoryLimit
                ? limit
                : ApiErrors.Parameter("limit", "must be a whole number from 1 to 1000");
    }

    private static Checked<long?> ReadCursor(StringValues values)
    {
        if (values.Count == 0) return new Checked<long?>(null, null);
        return values is [['1' or '2' or '3' or '4' or '5' or '6' or '7' or '8' or '9', ..] text]
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var fence)
                ? new Checked<long?>(fence, null)
                : ApiErrors.Parameter("cursor", "must be the next_cursor of an earlier answer");
    }

    private static Checked<Guid?> ReadIdempotencyKey(StringValues values)
    {
        if (values.Count == 0) return new Checked<Guid?>(null, null);
        if (values.Count > 1) return ApiErrors.IdempotencyKey("must be sent once");
        if (!StrictUuid.TryParse(values[0], out var key)) return ApiErrors.IdempotencyKey(ApiErrors.MustBeUuid);
        if (key == Guid.Empty) return ApiErrors.IdempotencyKey("must not be the nil UUID");
        return new Checked<Guid?>(key, null);
    }

    private static ActivateResponse ToResponse(Usage usage) => new(new Activation(
        usage.TokenId, usage.UserId, usage.StartedAt, usage.ExpiresAt, usage.UsageId, usage.Fence));

    private static ReleaseResponse ToResponse(ReleaseResult.Released released) =>
        new(new Release(released.TokenId, released.UsageId, released.ReleasedAt));

    /// <summary>How many were cleared, in the contract's words.</summary>
    public static string ClearMessage(int count) =>
        count > 0 ? "Successfully cleared all active tokens" : "No tokens currently require clearing";

    private static ClearResponse ToResponse(ClearResult.Cleared cleared) =>
        new(new Clearance(cleared.Count, ClearMessage(cleared.Count)));

    private static HistoryResponse ToResponse(HistoryResult.Page page) => new(new TokenHistory(
        page.TokenId,
        [.. page.Usages.Select(ToPastUsage)],
        new HistoryMeta(page.TotalUsages, page.NextBeforeFence?.ToString(CultureInfo.InvariantCulture))));

    private static PastUsage ToPastUsage(Usage usage) => new(
        usage.UserId, usage.StartedAt, usage.End?.At, usage.UsageId, usage.Fence, ToContract(usage.End?.Reason));

    private static UsageEndReason? ToContract(EndReason? reason) => reason switch
    {
        null => null,
        EndReason.Expired => UsageEndReason.Expired,
        EndReason.Cleared => UsageEndReason.Cleared,
        EndReason.Released => UsageEndReason.Released,
        EndReason.Evicted => UsageEndReason.Evicted,
        _ => throw new UnreachableException($"There is no end reason {reason}."),
    };
}
