using Microsoft.Extensions.Primitives;

namespace TokenManager.Http;

/// <summary>
/// <c>If-None-Match</c> of RFC 9110: a list of entity tags or <c>*</c>, compared weakly. What is malformed matches
/// nothing, so that the caller gets the whole answer rather than an outdated one. Allocates nothing.
/// </summary>
internal static class EntityTags
{
    public static bool NoneMatchFails(StringValues ifNoneMatch, string current)
    {
        foreach (var header in ifNoneMatch)
        {
            if (Names(header, current)) return true;
        }

        return false;
    }

    private static bool Names(ReadOnlySpan<char> header, ReadOnlySpan<char> current)
    {
        if (header.Trim(" \t") is "*") return true;

        while (true)
        {
            header = header.TrimStart(" \t,");
            if (header.StartsWith("W/")) header = header[2..];
            if (!header.StartsWith('"')) return false;

            var length = header[1..].IndexOf('"') + 2;
            if (length < 2) return false;
            if (header[..length].SequenceEqual(current)) return true;

            header = header[length..].TrimStart(" \t");
            if (!header.StartsWith(',')) return false;
        }
    }
}
