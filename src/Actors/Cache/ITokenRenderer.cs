namespace TokenManager.Actors.Cache;

/// <summary>
/// Turns tokens into the bytes that readers get, once for each change, so that a read copies and computes nothing.
/// Implemented by the HTTP layer, which owns the shapes. Implementations are pure and thread-safe.
/// </summary>
public interface ITokenRenderer
{
    /// <summary>The whole answer for one token.</summary>
    byte[] Details(TokenView token);

    /// <summary>One element of the list, without separators.</summary>
    byte[] ListItem(TokenView token);

    /// <summary>What stands before the first element of a list.</summary>
    ReadOnlySpan<byte> ListStart { get; }

    /// <summary>What stands between two elements.</summary>
    ReadOnlySpan<byte> ListSeparator { get; }

    /// <summary>What stands after the last element; the counts are of the whole pool, whatever the filter.</summary>
    byte[] ListEnd(int total, int active);

    /// <summary>A moment as it stands beside an answer.</summary>
    string AsOf(DateTimeOffset moment);
}
