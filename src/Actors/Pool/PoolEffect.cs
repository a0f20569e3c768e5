using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Pool;

/// <summary>What the pool's actor does for its decider.</summary>
internal abstract record PoolEffect
{
    private PoolEffect() { }

    /// <summary>Tell a token.</summary>
    public sealed record TellToken(TokenCommand Command) : PoolEffect
    {
        /// <summary>On the clock of the pool's decisions: after this, the command must not take effect any more.</summary>
        public TimeSpan? NotAfter { get; init; }
    }

    /// <summary>Answer a caller.</summary>
    public sealed record Reply(object To, PoolAnswer Answer) : PoolEffect;

    /// <summary>Read a usage from the ledger, then call <see cref="PoolDecider.UsageLookedUp"/>.</summary>
    public sealed record LookUpUsage(Guid UsageId) : PoolEffect;

    /// <summary>Ask whether the ledger answers, then call <see cref="PoolDecider.LedgerChecked"/>.</summary>
    public sealed record CheckLedger : PoolEffect;

    /// <summary>Read the whole pool again, then call <see cref="PoolDecider.Load"/>.</summary>
    public sealed record Reload : PoolEffect;
}
