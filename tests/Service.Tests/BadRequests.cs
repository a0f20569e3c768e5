using System.Text;

namespace TokenManager.Service.Tests;

/// <summary>One bad request as bytes on a connection of its own.</summary>
/// <param name="Bytes">All that is sent.</param>
/// <param name="Chunks">In how many pieces.</param>
/// <param name="AsksForAnUnknownVersion">Then 505 is the right answer.</param>
public sealed record BadRequest(byte[] Bytes, int Chunks, bool AsksForAnUnknownVersion);

/// <summary>
/// Makes requests of which none can change anything: each is wrong somewhere, or reads. The same seed makes the same ones.
/// </summary>
/// <param name="seed">Any number.</param>
/// <param name="token">A token that exists, so that some requests come far.</param>
public sealed class BadRequests(int seed, Guid token)
{
    private static readonly string[] Methods =
        ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND", "X", "G\0T", ""];

    private static readonly string[] BadValues =
    [
        "null", "1", "-1", "1e999", "true", "[]", "{}", "\"\"", "\"x\"", "\"\\ud800\"", "\"\\u0000\"", "nan", "'x'",
        "\"00000000-0000-0000-0000-000000000000\"", "\"2f1f6c5e8d0b4c399a510e6b8f7d3a42\"", "[[[[[[[[]]]]]]]]", "\"", "//",
    ];

    private static readonly string[] Types =
    [
        "application/json", "application/json", "application/json", "application/json; charset=utf-8", "text/plain",
        "application/xml", "multipart/form-data", "application/json; charset=latin1", "json", "", ";;;", "a/b/c", "\u00e9",
    ];

    private static readonly string[] Headers =
    [
        "Idempotency-Key: x", "Idempotency-Key: ", "If-None-Match: \"", "If-None-Match: W/\"x\", *", "Accept: text/html",
        "Accept-Encoding: gzip, zstd;q=nan", "Range: bytes=0-1,5-", "Expect: 100-continue", "Expect: x", "Upgrade: h2c",
        "Cookie: a=b; ;;", "X-Forwarded-For: ::", "Host: y", "Content-Length: 5", "Content-Length: -1", "Content-Length: x",
        "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Origin: null", ": empty", "no colon", " folded", "A:\u0001",
        "Accept-Charset: *", "TE: trailers", "Authorization: Basic \u00ff", "Connection: upgrade", "traceparent: 00-x-y-z",
    ];

    private readonly Random _random = new(seed);

    public BadRequest Next()
    {
        var version = _random.Next(60) == 0 ? Pick("HTTP/9.9", "HTTP/1.2", "HTTP/2.0", "HTTP/x", "XTTP/1.1") : "HTTP/1.1";
        var method = _random.Next(3) == 0 ? Pick(Methods) : Pick("GET", "POST");
        var path = Path();
        var body = Body();
        var head = new StringBuilder($"{method} {path} {version}\r\n");
        if (_random.Next(50) != 0) head.Append("Host: x\r\n");
        head.Append("Connection: close\r\n");
        for (var i = _random.Next(4); i > 0; i--) head.Append(Pick(Headers)).Append("\r\n");
        if (_random.Next(100) == 0) head.Append("X-Big: ").Append('x', _random.Next(40_000)).Append("\r\n");
        if (_random.Next(100) == 0)
        {
            for (var i = 0; i < _random.Next(200); i++) head.Append($"X-{i}: {i}\r\n");
        }

        if (_random.Next(10) != 0) head.Append($"Content-Type: {Pick(Types)}\r\n");
        var chunked = _random.Next(5) == 0;
        if (chunked) head.Append("Transfer-Encoding: chunked\r\n\r\n");
        else if (_random.Next(20) != 0) head.Append($"Content-Length: {body.Length}\r\n\r\n");
        else head.Append("\r\n");

        byte[] bytes = chunked
            ? [.. Encoding.Latin1.GetBytes(head.ToString()), .. Chunked(body)]
            : [.. Encoding.Latin1.GetBytes(head.ToString()), .. body];
        if (_random.Next(25) == 0)
        {
            for (var i = _random.Next(8); i >= 0; i--) bytes[_random.Next(bytes.Length)] = (byte)_random.Next(256);
        }

        if (_random.Next(40) == 0) bytes = bytes[.._random.Next(1, bytes.Length)];
        // Whatever the mutation made of it, a clear must not be among what is sent.
        var text = Encoding.Latin1.GetString(bytes);
        return text.Contains("clear", StringComparison.OrdinalIgnoreCase)
            ? Next()
            : new BadRequest(
                bytes,
                _random.Next(8) == 0 ? _random.Next(2, 5) : 1,
                !text.Split('\n', 2)[0].EndsWith(" HTTP/1.1\r", StringComparison.Ordinal));
    }

    private string Path() => _random.Next(12) switch
    {
        0 => "/api/tokens" + Query(),
        1 => $"/api/tokens/{token}" + Query(),
        2 => $"/api/tokens/{token}/history" + Query(),
        3 or 4 => $"/api/tokens/{token}/release",
        5 or 6 => "/api/tokens/activate",
        7 => $"/api/tokens/{Text(60)}" + Query(),
        8 => $"/api/tokens/{Guid.Empty}/{Text(10)}",
        9 => "/" + Text(100),
        10 => Pick("*", "/", "//", "/../../etc/passwd", "http://x/api/tokens", "/api/tokens/%2e%2e/%00", "/%", "/%u0041", "?", ""),
        _ => "/api/tokens/" + Pick("%ff%fe", "%F0%9F%98%80", "..%2f", new string('a', 5000), "%00", "a b", "\u00ff"),
    };

    private string Query() => _random.Next(3) == 0
        ? ""
        : "?" + string.Join('&', Enumerable.Range(0, _random.Next(1, 4)).Select(_ =>
            Pick("status", "limit", "cursor", "consistency", Text(5)) + "=" + Pick(
                "0", "-1", "1001", "active", "99999999999999999999", "%ff", "", "1;drop", "1", Text(20))));

    private byte[] Body()
    {
        switch (_random.Next(10))
        {
            case 0:
                return [];
            case 1:
                var noise = new byte[_random.Next(200)];
                _random.NextBytes(noise);
                return noise;
            case 2:
                // Not UTF-8, within what would be JSON.
                return [.. "{\"user_id\":\""u8, 0xc3, 0x28, 0xff, .. "\"}"u8];
            case 3:
                return Encoding.UTF8.GetBytes(new string(Pick("[", "{\"a\":", " ", "x")[0], _random.Next(20_000)));
            case 4:
                return Encoding.UTF8.GetBytes(Text(_random.Next(1, 300)));
            default:
                var name = Pick("user_id", "usage_id", "USER_ID", "id", "user_id\":1,\"user_id");
                return Encoding.UTF8.GetBytes($"{{\"{name}\":{Pick(BadValues)}{Pick("}", "}", "}", ",}", "", "} x")}");
        }
    }

    private byte[] Chunked(byte[] body)
    {
        var size = _random.Next(10) == 0 ? Pick("zz", "-1", "ffffffffffffffff", "0x5", "") : $"{body.Length:x}";
        var end = _random.Next(10) == 0 ? "" : "\r\n0\r\n\r\n";
        return [.. Encoding.Latin1.GetBytes(size + "\r\n"), .. body, .. Encoding.Latin1.GetBytes(end)];
    }

    private string Text(int length)
    {
        var text = new StringBuilder();
        for (var i = _random.Next(length); i >= 0; i--)
        {
            text.Append(_random.Next(6) == 0
                ? Pick("%", "%2F", "%00", "\\", "\"", "{", "+", ";", "~", "\u00e9", "\t", "<")
                : ((char)_random.Next('!', '~')).ToString());
        }

        return text.ToString();
    }

    private string Pick(params ReadOnlySpan<string> of) => of[_random.Next(of.Length)];
}
