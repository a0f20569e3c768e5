using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using TokenManager.Actors;

namespace TokenManager.Http;

/// <summary>
/// The closed catalogue of errors. Each entry is also the example in the OpenAPI document; the methods below it
/// make the variants.
/// </summary>
internal static class ApiErrors
{
    public const string IdempotencyKeyHeader = "Idempotency-Key";
    public const string MustBeUuid = "must be a UUID";

    private const string UuidForm =
        "send the 36-character hyphenated form, such as 2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42";

    private const int RetrySoon = 1;

    public static readonly ApiError InvalidUserId = InvalidField(
        new ApiError("invalid_user_id", StatusCodes.Status422UnprocessableEntity, "Invalid user id", ""),
        "user_id",
        MustBeUuid);

    public static readonly ApiError UserAlreadyActive = new(
        "user_already_active",
        StatusCodes.Status422UnprocessableEntity,
        "User already holds a token",
        "The user holds a token under another usage id: go on with that one, or release it first.")
    {
        Named = new FieldError("user_id", "already has an active token"),
    };

    public static readonly ApiError NoTokensAvailable = new(
        "no_tokens_available",
        StatusCodes.Status422UnprocessableEntity,
        "No tokens available",
        "Every token is in use: send the request again after the seconds given in Retry-After.")
    {
        Named = new FieldError("pool", "no tokens available"),
        RetryAfterSeconds = RetrySoon,
    };

    public static readonly ApiError InvalidTokenId = new(
        "invalid_token_id",
        StatusCodes.Status422UnprocessableEntity,
        "Invalid token id",
        $"The token id in the path is not a UUID: {UuidForm}.")
    {
        Named = new FieldError("token_id", MustBeUuid),
    };

    public static readonly ApiError TokenNotFound = new(
        "token_not_found",
        StatusCodes.Status404NotFound,
        "Token not found",
        "The pool has no token with this id: take an id from the list at /api/tokens.")
    {
        Named = new FieldError("token", "not found"),
    };

    public static readonly ApiError InvalidParameter = new(
        "invalid_parameter",
        StatusCodes.Status422UnprocessableEntity,
        "Invalid query parameter",
        "The query parameter limit must be a whole number from 1 to 1000: correct it or leave it out.")
    {
        Named = new FieldError("limit", "must be a whole number from 1 to 1000"),
    };

    public static readonly ApiError InvalidIdempotencyKey = new(
        "invalid_idempotency_key",
        StatusCodes.Status422UnprocessableEntity,
        "Invalid idempotency key",
        $"The header {IdempotencyKeyHeader} {MustBeUuid}: {UuidForm}, or leave it out.")
    {
        Named = new FieldError(IdempotencyKeyHeader, MustBeUuid),
    };

    public static readonly ApiError IdempotencyKeyReused = new(
        "idempotency_key_reused",
        StatusCodes.Status422UnprocessableEntity,
        "Idempotency key used before",
        $"This {IdempotencyKeyHeader} belongs to another user or to a usage that has ended: send a new one.")
    {
        Named = new FieldError(IdempotencyKeyHeader, "was used before"),
    };

    public static readonly ApiError InvalidUsageId = InvalidField(
        new ApiError("invalid_usage_id", StatusCodes.Status422UnprocessableEntity, "Invalid usage id", ""),
        "usage_id",
        MustBeUuid);

    public static readonly ApiError UsageMismatch = new(
        "usage_mismatch",
        StatusCodes.Status422UnprocessableEntity,
        "Usage is not of this token",
        "The usage is not one of this token's: send the token_id and the usage_id of one and the same activation.")
    {
        Named = new FieldError("usage_id", "is not a usage of this token"),
    };

    public static readonly ApiError UsageEnded = EndedOtherwise(
        new ApiError("usage_ended", StatusCodes.Status422UnprocessableEntity, "Usage has ended", ""),
        new UsageEnd(new DateTimeOffset(2026, 1, 31, 12, 2, 0, TimeSpan.Zero), EndReason.Expired));

    public static readonly ApiError MalformedJson = new(
        "malformed_json",
        StatusCodes.Status400BadRequest,
        "Malformed JSON",
        "The body is not JSON: send one JSON object in UTF-8.");

    public static readonly ApiError MalformedRequest = new(
        "malformed_request",
        StatusCodes.Status400BadRequest,
        "Malformed request",
        "The request is not well-formed HTTP: correct its framing and send it again.");

    public static readonly ApiError RequestTimeout = new(
        "request_timeout",
        StatusCodes.Status408RequestTimeout,
        "Request came too slowly",
        "The body did not arrive in time: send the whole request again.");

    public static readonly ApiError UnsupportedMediaType = new(
        "unsupported_media_type",
        StatusCodes.Status415UnsupportedMediaType,
        "Unsupported media type",
        "The body must be JSON in UTF-8: send it with Content-Type: application/json.");

    public static readonly ApiError BodyTooLarge = new(
        "body_too_large",
        StatusCodes.Status413PayloadTooLarge,
        "Body too large",
        "The body is larger than 16 KiB: send only the documented members.");

    public static readonly ApiError NotFound = new(
        "not_found",
        StatusCodes.Status404NotFound,
        "Not found",
        "There is nothing at this path: see /docs for the paths there are.");

    public static readonly ApiError MethodNotAllowed = new(
        "method_not_allowed",
        StatusCodes.Status405MethodNotAllowed,
        "Method not allowed",
        "This path does not have this method: use one of those named in Allow.");

    /// <summary>Answers every method but POST.</summary>
    public static Task PostOnlyAsync(HttpContext context) =>
        (MethodNotAllowed with { Allow = HttpMethods.Post }).ExecuteAsync(context);

    public static readonly ApiError Unavailable = new(
        "unavailable",
        StatusCodes.Status503ServiceUnavailable,
        "Service unavailable",
        "The pool could not answer in time: send the request again after the seconds given in Retry-After.")
    {
        RetryAfterSeconds = RetrySoon,
    };

    public static readonly ApiError InternalError = new(
        "internal_error",
        StatusCodes.Status500InternalServerError,
        "Internal error",
        "The service made a mistake, which has been logged: report it if it happens again.");

    /// <summary>Every kind of error there is, once.</summary>
    public static IReadOnlyList<ApiError> All { get; } =
    [
        InvalidUserId, UserAlreadyActive, NoTokensAvailable, InvalidTokenId, TokenNotFound, InvalidParameter,
        InvalidIdempotencyKey, IdempotencyKeyReused, InvalidUsageId, UsageMismatch, UsageEnded, MalformedJson,
        MalformedRequest, RequestTimeout, UnsupportedMediaType, BodyTooLarge, NotFound, MethodNotAllowed,
        Unavailable, InternalError,
    ];

    /// <summary>Nothing was granted by this request, or that is not known.</summary>
    public static ApiError ActivationUnavailable(bool outcomeUnknown) => Unavailable with
    {
        Detail = outcomeUnknown
            ? "It is not known whether a token was granted: "
                + $"the same {IdempotencyKeyHeader} may be sent again, and the answer will tell."
            : $"Nothing was granted: wait for Retry-After, then the same {IdempotencyKeyHeader} may be sent again.",
    };

    /// <summary>Nothing was released by this request, or that is not known.</summary>
    public static ApiError ReleaseUnavailable(bool outcomeUnknown) => Unavailable with
    {
        Detail = outcomeUnknown
            ? "It is not known whether the usage was released: send the same request again, and the answer will tell."
            : "Nothing was released: send the same request again after the seconds given in Retry-After.",
    };

    /// <summary>Some tokens may have been cleared.</summary>
    public static readonly ApiError ClearUnavailable = Unavailable with
    {
        Detail = "It is not known how many tokens were cleared: send the same request again to clear the rest.",
    };

    /// <summary>This node has not seen the whole pool yet.</summary>
    public static readonly ApiError NotPrimed = Unavailable with
    {
        Detail = "This node is still reading the pool: send the request again after the seconds given in Retry-After.",
    };

    /// <summary>Only the database could have answered; what this node remembers may be old.</summary>
    public static readonly ApiError LedgerUnavailable = Unavailable with
    {
        Detail = "The database could not answer in time: send the request again after the seconds given in "
            + "Retry-After, or without consistency=strong for what this node knows.",
    };

    /// <summary>The pool was asked, and cannot promise a token before this.</summary>
    public static ApiError PoolExhausted(TimeSpan retryAfter) => NoTokensAvailable with
    {
        RetryAfterSeconds = (int)Math.Clamp(Math.Ceiling(retryAfter.TotalSeconds), RetrySoon, int.MaxValue),
    };

    public static ApiError Parameter(string name, string requirement) => InvalidParameter with
    {
        Detail = $"The query parameter {name} {requirement}: correct it or leave it out.",
        Named = new FieldError(name, requirement),
    };

    public static ApiError IdempotencyKey(string fault) => InvalidIdempotencyKey with
    {
        Detail = $"The header {IdempotencyKeyHeader} {fault}: {UuidForm}, or leave it out.",
        Named = new FieldError(IdempotencyKeyHeader, fault),
    };

    /// <summary>A member of the body is not the UUID it should be.</summary>
    public static ApiError InvalidField(ApiError kind, string field, string fault) => kind with
    {
        Detail = $"The member {field} {fault}: {UuidForm}.",
        Named = new FieldError(field, fault),
    };

    /// <summary>The body is JSON but has no members.</summary>
    public static ApiError NotAnObject(ApiError kind, string field) => kind with
    {
        Detail = $$"""The body is not an object: send {"{{field}}": "<uuid>"} instead.""",
        Named = new FieldError(field, "is missing"),
    };

    public static ApiError EndedBefore(UsageEnd end) => EndedOtherwise(UsageEnded, end);

    /// <summary>What a status without a body of its own says; null for one that this API never gives.</summary>
    public static ApiError? OfStatus(int status) => status switch
    {
        StatusCodes.Status400BadRequest => MalformedRequest,
        StatusCodes.Status404NotFound => NotFound,
        StatusCodes.Status405MethodNotAllowed => MethodNotAllowed,
        StatusCodes.Status408RequestTimeout => RequestTimeout,
        StatusCodes.Status413PayloadTooLarge => BodyTooLarge,
        StatusCodes.Status415UnsupportedMediaType => UnsupportedMediaType,
        StatusCodes.Status500InternalServerError => InternalError,
        StatusCodes.Status503ServiceUnavailable => Unavailable,
        _ => null,
    };

    private static ApiError EndedOtherwise(ApiError kind, UsageEnd end)
    {
        var (word, why) = end.Reason switch
        {
            EndReason.Expired => ("expired", "its lease ran out"),
            EndReason.Cleared => ("cleared", "the pool was cleared"),
            EndReason.Released => ("released", "its holder released it"),
            EndReason.Evicted => ("evicted", "the token was needed for another user"),
            _ => throw new UnreachableException($"There is no end reason {end.Reason}."),
        };
        return kind with
        {
            Detail = $"The usage ended at {Timestamps.ToText(end.At)} because {why}: "
                + "there is nothing left to release, so stop using the token.",
            Named = new FieldError("usage_id", $"ended at {Timestamps.ToText(end.At)} ({word})"),
        };
    }
}
