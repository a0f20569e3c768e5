namespace TokenManager.Testing;

/// <summary>One row of <c>token_usages</c>; times in microseconds since the Unix epoch.</summary>
internal sealed record Row(
    Guid UsageId, Guid TokenId, Guid UserId, long Fence, long Started, long Expires, long? Ended, string? Reason)
{
    public bool IsOpen => Ended is null;

    public Grant Grant => new(UsageId, TokenId, UserId, Fence, Started, Expires);
}

/// <summary>What somebody was granted, in the same units.</summary>
internal sealed record Grant(Guid UsageId, Guid TokenId, Guid UserId, long Fence, long Started, long Expires);
