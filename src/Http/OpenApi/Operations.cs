using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.OpenApi;

namespace TokenManager.Http.OpenApi;

/// <summary>The words and examples of every operation.</summary>
internal static class Operations
{
    private const int UuidLength = 36;

    private static readonly Guid TokenId = Guid.Parse("8c1d7a52-4e0f-4b6a-9a3d-5f2e8b7c6d10");
    private static readonly Guid OtherTokenId = Guid.Parse("b7e4c9f1-0a2d-4d8e-8f5b-1c6a3e9d2f74");
    private static readonly Guid UserId = Guid.Parse("2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42");
    private static readonly Guid UsageId = Guid.Parse("d94f3b7a-6c21-4f58-b0e7-9a8c5d1e2b36");
    private static readonly DateTimeOffset Start = new(2026, 1, 31, 12, 0, 0, 123, 456, TimeSpan.Zero);
    private static readonly DateTimeOffset Expiry = Start.AddMinutes(2);

    private static readonly OpenApiParameter TokenIdParameter = new()
    {
        Name = "id",
        In = ParameterLocation.Path,
        Required = true,
        Description = "The token, as the 36-character hyphenated form of its UUID, in either case.",
        Schema = UuidSchema(),
        Example = TokenId.ToString(),
    };

    private static readonly OpenApiParameter ConsistencyParameter = new()
    {
        Name = "consistency",
        In = ParameterLocation.Query,
        Description =
            "eventual answers from this node's memory; strong reads the database, and answers 503 rather than "
            + "something older than the request.",
        Schema = new OpenApiSchema
        {
            Type = JsonSchemaType.String,
            Enum = ["eventual", "strong"],
            Default = "eventual",
        },
    };

    public static readonly Operation List = new()
    {
        Name = "ListTokens",
        Summary = "List the tokens of the pool",
        Description =
            "All tokens, in an order that never changes, as this node knows them: it may be a moment behind, and "
            + "Token-As-Of says how far at most. "
            + "The counts are always those of the whole pool. HEAD answers the same without a body.",
        Response = BodyOf(
            new ListResponse(
                [
                    new ListedToken(TokenId, TokenStatus.Active, UserId, Start, Expiry),
                    new ListedToken(OtherTokenId, TokenStatus.Available, null, null, null),
                ],
                new PoolCounts(2, 1, 1)),
            ContractJson.Default.ListResponse,
            "The tokens."),
        Parameters =
        [
            new OpenApiParameter
            {
                Name = "status",
                In = ParameterLocation.Query,
                Description = "Only the tokens of this status. All, if it is left out.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, Enum = ["active", "available"] },
            },
            ConsistencyParameter,
            new OpenApiParameter
            {
                Name = "If-None-Match",
                In = ParameterLocation.Header,
                Description = "The ETag of an earlier answer, several of them, or *: if one still holds, 304.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            },
        ],
        HasEntityTag = true,
        HasAsOf = true,
        Errors = [ApiErrors.InvalidParameter, ApiErrors.Unavailable],
        ExamplePath = TokenEndpoints.Prefix,
    };

    public static readonly Operation Details = new()
    {
        Name = "GetToken",
        Summary = "Show one token",
        Description =
            "One token, as this node knows it: it may be a moment behind, and Token-As-Of says how far at most. "
            + "HEAD answers the same without a body.",
        Response = BodyOf(
            new DetailsResponse(new TokenDetails(
                TokenId, TokenStatus.Active, UserId, Start, new ActiveUsage(UserId, Start, null, Expiry))),
            ContractJson.Default.DetailsResponse,
            "The token; active_usage is null when it is available."),
        Parameters = [TokenIdParameter, ConsistencyParameter],
        HasAsOf = true,
        Errors =
            [ApiErrors.InvalidTokenId, ApiErrors.InvalidParameter, ApiErrors.TokenNotFound, ApiErrors.Unavailable],
        ExamplePath = $"{TokenEndpoints.Prefix}/{TokenId}",
    };

    public static readonly Operation History = new()
    {
        Name = "GetTokenHistory",
        Summary = "Page through a token's usages",
        Description = "Newest first, from the database. HEAD answers the same without a body.",
        Response = BodyOf(
            new HistoryResponse(new TokenHistory(
                TokenId,
                [new PastUsage(UserId, Start, Expiry, UsageId, 17, UsageEndReason.Expired)],
                new HistoryMeta(1, null))),
            ContractJson.Default.HistoryResponse,
            "One page; next_cursor is null on the last."),
        Parameters =
        [
            TokenIdParameter,
            new OpenApiParameter
            {
                Name = "limit",
                In = ParameterLocation.Query,
                Description = "How many usages at most.",
                Schema = new OpenApiSchema
                {
                    Type = JsonSchemaType.Integer,
                    Minimum = "1",
                    Maximum = "1000",
                    Default = 100,
                },
            },
            new OpenApiParameter
            {
                Name = "cursor",
                In = ParameterLocation.Query,
                Description = "The next_cursor of the page before. Opaque: do not make one up.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            },
        ],
        Errors =
            [ApiErrors.InvalidTokenId, ApiErrors.InvalidParameter, ApiErrors.TokenNotFound, ApiErrors.Unavailable],
        ExamplePath = $"{TokenEndpoints.Prefix}/{TokenId}/history",
    };

    public static readonly Operation Activate = new()
    {
        Name = "ActivateToken",
        Summary = "Lend a token to a user",
        Description =
            "The answer is sent after the activation is durable. The same Idempotency-Key and user sent again get "
            + "the same answer while that usage runs. The end of the lease does not stop its holder: whoever is "
            + "protected by a token compares fence, which strictly increases for a token.",
        Request = BodyOf(
            new ActivateRequest(UserId), ContractJson.Default.ActivateRequest, "Who the token is for."),
        Response = BodyOf(
            new ActivateResponse(new Activation(TokenId, UserId, Start, Expiry, UsageId, 17)),
            ContractJson.Default.ActivateResponse,
            "The user holds this token until expires_at."),
        Parameters =
        [
            new OpenApiParameter
            {
                Name = ApiErrors.IdempotencyKeyHeader,
                In = ParameterLocation.Header,
                Description = "A new UUID for each activation that is meant. It becomes the usage_id.",
                Schema = UuidSchema(),
                Example = UsageId.ToString(),
            },
        ],
        Errors =
        [
            ApiErrors.UnsupportedMediaType, ApiErrors.BodyTooLarge, ApiErrors.RequestTimeout, ApiErrors.MalformedJson,
            ApiErrors.InvalidUserId, ApiErrors.InvalidIdempotencyKey, ApiErrors.IdempotencyKeyReused,
            ApiErrors.UserAlreadyActive, ApiErrors.NoTokensAvailable,
            ApiErrors.ActivationUnavailable(outcomeUnknown: true),
        ],
        TimedOut = ApiErrors.ActivationUnavailable(outcomeUnknown: true),
        ExamplePath = $"{TokenEndpoints.Prefix}/activate",
    };

    public static readonly Operation Release = new()
    {
        Name = "ReleaseToken",
        Summary = "Give a token back",
        Description = "Ends the usage that is named and no other. Sent again, it answers the same.",
        Request = BodyOf(
            new ReleaseRequest(UsageId), ContractJson.Default.ReleaseRequest, "The usage_id of the activation."),
        Response = BodyOf(
            new ReleaseResponse(new Release(TokenId, UsageId, Start.AddSeconds(40))),
            ContractJson.Default.ReleaseResponse,
            "The usage has ended."),
        Parameters = [TokenIdParameter],
        Errors =
        [
            ApiErrors.UnsupportedMediaType, ApiErrors.BodyTooLarge, ApiErrors.RequestTimeout, ApiErrors.MalformedJson,
            ApiErrors.InvalidTokenId, ApiErrors.InvalidUsageId, ApiErrors.TokenNotFound, ApiErrors.UsageMismatch,
            ApiErrors.UsageEnded, ApiErrors.ReleaseUnavailable(outcomeUnknown: true),
        ],
        TimedOut = ApiErrors.ReleaseUnavailable(outcomeUnknown: true),
        ExamplePath = $"{TokenEndpoints.Prefix}/{TokenId}/release",
    };

    public static readonly Operation Clear = new()
    {
        Name = "ClearTokens",
        Summary = "End every running usage",
        Description = "The answer is sent after every release that it counts is durable. A body is ignored.",
        Response = BodyOf(
            new ClearResponse(new Clearance(3, "Successfully cleared all active tokens")),
            ContractJson.Default.ClearResponse,
            "How many usages this request ended."),
        Errors = [ApiErrors.BodyTooLarge, ApiErrors.RequestTimeout, ApiErrors.ClearUnavailable],
        TimedOut = ApiErrors.ClearUnavailable,
        ExamplePath = $"{TokenEndpoints.Prefix}/clear",
    };

    /// <summary>What a request may get before or after any operation.</summary>
    public static readonly IReadOnlyList<ApiError> ErrorsOfAny =
        [ApiErrors.MalformedRequest, ApiErrors.NotFound, ApiErrors.MethodNotAllowed, ApiErrors.InternalError];

    private static Operation.Body BodyOf<T>(T example, JsonTypeInfo<T> type, string description) =>
        new(typeof(T), () => JsonSerializer.SerializeToNode(example, type)!, description);

    private static OpenApiSchema UuidSchema() => new()
    {
        Type = JsonSchemaType.String,
        Format = "uuid",
        MinLength = UuidLength,
        MaxLength = UuidLength,
    };
}
