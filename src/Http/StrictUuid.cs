using System.Buffers;

namespace TokenManager.Http;

/// <summary>
/// The 36-character hyphenated form of a UUID, in either case, and nothing else. Guid's own parsers also take
/// surrounding white space, and historically signs and <c>0x</c> inside the groups.
/// </summary>
internal static class StrictUuid
{
    private const int Length = 36;
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdefABCDEF");

    public static bool TryParse(ReadOnlySpan<char> text, out Guid value)
    {
        value = default;
        return HasForm(text) && Guid.TryParseExact(text, "D", out value);
    }

    private static bool HasForm(ReadOnlySpan<char> text) =>
        text.Length == Length
        && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-'
        && AreHexDigits(text[..8])
        && AreHexDigits(text[9..13])
        && AreHexDigits(text[14..18])
        && AreHexDigits(text[19..23])
        && AreHexDigits(text[24..]);

    private static bool AreHexDigits(ReadOnlySpan<char> text) => !text.ContainsAnyExcept(HexDigits);
}
