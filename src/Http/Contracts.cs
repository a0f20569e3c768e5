using System.Text.Json;
using System.Text.Json.Serialization;

namespace TokenManager.Http;

// The shapes of the HTTP contract. Members are only ever added: existing clients read every one of these.

internal sealed record ActivateRequest(Guid UserId);

internal sealed record ReleaseRequest(Guid UsageId);

internal sealed record ActivateResponse(Activation Data);

internal sealed record Activation(
    Guid TokenId,
    Guid UserId,
    DateTimeOffset ActivatedAt,
    DateTimeOffset ExpiresAt,
    Guid UsageId,
    long Fence);

internal sealed record ListResponse(IReadOnlyList<ListedToken> Data, PoolCounts Meta);

internal sealed record ListedToken(
    Guid Id,
    TokenStatus Status,
    Guid? CurrentUserId,
    DateTimeOffset? ActivatedAt,
    DateTimeOffset? ExpiresAt);

internal sealed record PoolCounts(int TotalCount, int ActiveCount, int AvailableCount);

internal sealed record DetailsResponse(TokenDetails Data);

internal sealed record TokenDetails(
    Guid Id,
    TokenStatus Status,
    Guid? CurrentUserId,
    DateTimeOffset? ActivatedAt,
    ActiveUsage? ActiveUsage);

internal sealed record ActiveUsage(
    Guid UserId, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, DateTimeOffset ExpiresAt);

internal sealed record HistoryResponse(TokenHistory Data);

internal sealed record TokenHistory(Guid TokenId, IReadOnlyList<PastUsage> Usages, HistoryMeta Meta);

internal sealed record PastUsage(
    Guid UserId,
    DateTimeOffset StartedAt,
    DateTimeOffset? EndedAt,
    Guid UsageId,
    long Fence,
    UsageEndReason? EndReason);

internal sealed record HistoryMeta(long TotalUsages, string? NextCursor);

internal sealed record ReleaseResponse(Release Data);

internal sealed record Release(Guid TokenId, Guid UsageId, DateTimeOffset ReleasedAt);

internal sealed record ClearResponse(Clearance Data);

internal sealed record Clearance(int ClearedTokens, string Message);

/// <summary>RFC 9457, with <c>code</c> and <c>errors</c> of our own.</summary>
internal sealed record ErrorResponse(
    string Type,
    string Title,
    int Status,
    string Detail,
    string Instance,
    string Code,
    IReadOnlyDictionary<string, IReadOnlyList<string>> Errors);

[JsonConverter(typeof(JsonStringEnumConverter<TokenStatus>))]
internal enum TokenStatus
{
    [JsonStringEnumMemberName("active")]
    Active,

    [JsonStringEnumMemberName("available")]
    Available,
}

[JsonConverter(typeof(JsonStringEnumConverter<UsageEndReason>))]
internal enum UsageEndReason
{
    [JsonStringEnumMemberName("expired")]
    Expired,

    [JsonStringEnumMemberName("cleared")]
    Cleared,

    [JsonStringEnumMemberName("released")]
    Released,

    [JsonStringEnumMemberName("evicted")]
    Evicted,
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    Converters = [typeof(Timestamps.Converter)])]
[JsonSerializable(typeof(ActivateRequest))]
[JsonSerializable(typeof(ReleaseRequest))]
[JsonSerializable(typeof(ActivateResponse))]
[JsonSerializable(typeof(ListResponse))]
[JsonSerializable(typeof(DetailsResponse))]
[JsonSerializable(typeof(HistoryResponse))]
[JsonSerializable(typeof(ReleaseResponse))]
[JsonSerializable(typeof(ClearResponse))]
[JsonSerializable(typeof(ErrorResponse))]
internal sealed partial class ContractJson : JsonSerializerContext
{
    /// <summary>The same rules for the generator of the OpenAPI document.</summary>
    public static void Configure(JsonSerializerOptions options)
    {
        options.TypeInfoResolverChain.Insert(0, Default);
        options.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.RespectNullableAnnotations = true;
        options.RespectRequiredConstructorParameters = true;
        options.Converters.Add(new Timestamps.Converter());
    }
}
