using Microsoft.AspNetCore.Http;

namespace TokenManager.Http.Management;

/// <summary>The errors that only the management API has; everything else comes from <see cref="ApiErrors"/>.</summary>
internal static class ManagementErrors
{
    public static readonly ApiError NotFound = ApiErrors.NotFound with
    {
        Detail = "The management API has nothing at this path: its paths are /cluster, /pool and /tokens.",
    };

    public static readonly ApiError MemberNotFound = new(
        "member_not_found",
        StatusCodes.Status404NotFound,
        "Member not found",
        "The cluster has no member with this address: take an address from /cluster/members.")
    {
        Named = new FieldError("address", "not found"),
    };

    public static readonly ApiError InvalidOperation = new(
        "invalid_operation",
        StatusCodes.Status400BadRequest,
        "Invalid operation",
        "The operation is neither leave nor down: send the form operation=leave or operation=down.")
    {
        Named = new FieldError("operation", "must be leave or down"),
    };

    public static readonly ApiError ShardTypeNotFound = new(
        "shard_type_not_found",
        StatusCodes.Status404NotFound,
        "Nothing is sharded by this name",
        "Nothing is sharded by this name: take a name from /cluster/shards.")
    {
        Named = new FieldError("name", "not found"),
    };

    public static readonly ApiError ShardsUnavailable = ApiErrors.Unavailable with
    {
        Detail = "The node's shards could not be counted in time: send the request again after the seconds given in Retry-After.",
    };

    public static readonly ApiError PoolUnavailable = ApiErrors.Unavailable with
    {
        Detail = "The pool does not answer, so it is moving or cannot reach its database: look at /cluster/members.",
    };
}
