namespace TokenManager.Actors;

/// <summary>What to do with an activation when every token is in use.</summary>
public enum WhenExhausted
{
    /// <summary>Refuse it.</summary>
    Reject,

    /// <summary>End the longest-held usage and lend its token on.</summary>
    EvictOldest,
}

/// <summary>The pool's rules, from configuration.</summary>
public sealed record PoolSettings
{
    /// <summary>Tokens in the pool, 1 to 1,000,000.</summary>
    public int Size { get; init; } = 100;

    /// <summary>How long a token stays active, 1 s to 24 h.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How often the pool looks for leases past their time.</summary>
    public TimeSpan SweepInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>What to do when every token is in use.</summary>
    public WhenExhausted WhenExhausted { get; init; } = WhenExhausted.Reject;

    /// <summary>How many requests may wait in the pool at once; the next is refused as unavailable.</summary>
    public int MaxWaiting { get; init; } = 10_000;
}
