namespace TokenManager.Actors;

/// <summary>Everything a reader may know of one token.</summary>
/// <param name="TokenId">The token.</param>
/// <param name="Ordinal">Its place in the pool, from 0; the order of every list.</param>
/// <param name="Fence">The fence of its newest usage; 0 before the first.</param>
/// <param name="Current">The running usage; null when the token is available.</param>
public sealed record TokenView(Guid TokenId, int Ordinal, long Fence, Usage? Current)
{
    /// <summary>
    /// Grows with every change of the token, on whichever node it happened: twice the fence while it is lent, one
    /// more when it has come back. Derived, so that nothing has to remember it.
    /// </summary>
    public long Version => VersionOf(Fence, Current is not null);

    /// <summary>The version of a token with this newest fence.</summary>
    public static long VersionOf(long fence, bool active) => (fence * 2) + (active ? 0 : 1);
}
