using System.Globalization;
using System.Text;
using TokenManager.Actors.Cache;

namespace TokenManager.Actors.Tests.Model;

/// <summary>Renders tokens as short text, and counts how often.</summary>
internal sealed class TextRenderer : ITokenRenderer
{
    private int _lists;

    public int Lists => _lists;

    public ReadOnlySpan<byte> ListStart => "["u8;

    public ReadOnlySpan<byte> ListSeparator => ","u8;

    public byte[] Details(TokenView token) => Text(token);

    public byte[] ListItem(TokenView token) => Text(token);

    public byte[] ListEnd(int total, int active)
    {
        Interlocked.Increment(ref _lists);
        return Encoding.UTF8.GetBytes($"]{active}/{total}");
    }

    public string AsOf(DateTimeOffset moment) => moment.ToString("O", CultureInfo.InvariantCulture);

    public static byte[] Text(TokenView token) => Encoding.UTF8.GetBytes($"{token.Ordinal}:{token.Fence}{(token.Current is null ? "" : "+")}");
}
