using TokenManager.Actors.Serialization;

namespace TokenManager.Actors.Tokens;

/// <summary>What the journal remembers of a token: what the ledger decided, copied from the row.</summary>
internal abstract record TokenEvent : IWireMessage
{
    private TokenEvent() { }

    /// <summary>The row was opened.</summary>
    public sealed record TokenActivated(
        Guid TokenId,
        Guid UsageId,
        Guid UserId,
        long Fence,
        DateTimeOffset StartedAt,
        DateTimeOffset ExpiresAt) : TokenEvent;

    /// <summary>The row was closed.</summary>
    public sealed record TokenReleased(
        Guid TokenId, Guid UsageId, long Fence, DateTimeOffset EndedAt, EndReason Reason) : TokenEvent;
}
