using System.IO.Hashing;

namespace TokenManager.Actors.Cache;

/// <summary>A prepared answer.</summary>
/// <param name="Body">The bytes to send. Shared: never write to them.</param>
/// <param name="ETag">A strong validator of exactly these bytes, with its quotes.</param>
public sealed record PreparedList(ReadOnlyMemory<byte> Body, string ETag)
{
    /// <summary>Puts a list together in one buffer of the right size.</summary>
    internal static PreparedList Join(ITokenRenderer renderer, byte[][] items, int total, int active)
    {
        var end = renderer.ListEnd(total, active);
        var separators = Math.Max(0, items.Length - 1) * renderer.ListSeparator.Length;
        var body = new byte[renderer.ListStart.Length + items.Sum(item => item.Length) + separators + end.Length];
        var rest = body.AsSpan();
        Write(ref rest, renderer.ListStart);
        for (var i = 0; i < items.Length; i++)
        {
            if (i > 0)
                Write(ref rest, renderer.ListSeparator);
            Write(ref rest, items[i]);
        }

        Write(ref rest, end);
        return new PreparedList(body, $"\"{Convert.ToHexStringLower(XxHash128.Hash(body))}\"");
    }

    private static void Write(ref Span<byte> rest, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(rest);
        rest = rest[bytes.Length..];
    }
}
