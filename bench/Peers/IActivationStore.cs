namespace TokenManager.Bench.Peers;

/// <summary>What a peer answers to an activation.</summary>
internal abstract record PeerAnswer
{
    private PeerAnswer() { }

    /// <summary>The user holds the token, durably.</summary>
    public sealed record Granted(Guid TokenId, long Fence, DateTime StartedAt, DateTime ExpiresAt) : PeerAnswer;

    /// <summary>The user holds a token already, or the usage id is used up.</summary>
    public sealed record UserAlreadyActive : PeerAnswer;

    /// <summary>Every token is in use.</summary>
    public sealed record PoolExhausted : PeerAnswer;
}

/// <summary>Another way to lend tokens out: as durable, and as strict with users and tokens.</summary>
internal interface IActivationStore
{
    /// <summary>Lends any free token.</summary>
    Task<PeerAnswer> ActivateAsync(Guid user, Guid usage, CancellationToken cancellationToken);

    /// <summary>Takes all of them back.</summary>
    Task ClearAsync(CancellationToken cancellationToken);
}
