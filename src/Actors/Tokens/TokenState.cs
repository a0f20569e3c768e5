using TokenManager.Actors.Serialization;

namespace TokenManager.Actors.Tokens;

/// <summary>What a token actor remembers; also its snapshot.</summary>
internal abstract record TokenState : IWireMessage
{
    private TokenState() { }

    /// <summary>The fence of the newest usage that the journal knows; 0 before the first.</summary>
    public abstract long Fence { get; }

    /// <summary>Nobody holds the token.</summary>
    /// <param name="Last">The newest usage, ended; null before the first.</param>
    public sealed record Available(Usage? Last) : TokenState
    {
        public override long Fence => Last?.Fence ?? 0;
    }

    /// <summary>One user holds the token.</summary>
    public sealed record Active(Usage Usage) : TokenState
    {
        public override long Fence => Usage.Fence;
    }
}
