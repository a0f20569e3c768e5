using System.Text;

namespace TokenManager.Bench.Driver;

/// <summary>The bytes of a request, in which ids are replaced in place. For one caller.</summary>
internal sealed class RequestTemplate
{
    private const string Place = "{id}";
    private static readonly string Blank = Guid.Empty.ToString();

    private readonly byte[] _bytes;
    private readonly int[] _places;

    /// <param name="line">Method and path. Where <c>{id}</c> stands, here and below, there is a place for an id.</param>
    /// <param name="headers">Lines without their ends.</param>
    /// <param name="body">JSON; empty for none.</param>
    public RequestTemplate(string line, IEnumerable<string> headers, string body = "")
    {
        string[] ofBody = line.StartsWith("POST ", StringComparison.Ordinal)
            ? ["Content-Type: application/json", Invariant($"Content-Length: {body.Replace(Place, Blank, StringComparison.Ordinal).Length}")]
            : [];
        var text = string.Join("\r\n", [$"{line} HTTP/1.1", "Host: localhost", .. headers, .. ofBody, "", body]);
        _places = [.. text.Split(Place)[..^1].Select((part, i) => part.Length + (i == 0 ? 0 : Blank.Length))];
        for (var i = 1; i < _places.Length; i++) _places[i] += _places[i - 1];
        _bytes = Encoding.ASCII.GetBytes(text.Replace(Place, Blank, StringComparison.Ordinal));
    }

    /// <summary>The request with these ids, in the order of their places.</summary>
    public ReadOnlySpan<byte> Fill(params ReadOnlySpan<Guid> ids)
    {
        for (var i = 0; i < _places.Length; i++) ids[i].TryFormat(_bytes.AsSpan(_places[i]), out _);
        return _bytes;
    }
}
