using TokenManager.Actors;
using TokenManager.Contract;

namespace TokenManager.Http.Tests;

/// <summary>Limits of bodies, against a real server and byte by byte.</summary>
public sealed class RequestBodyTests : IAsyncLifetime
{
    private const string Json = """{"user_id":"2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42"}""";

    private readonly ScriptedGateway _gateway = new()
    {
        OnActivate = _ => Task.FromResult<ActivateResult>(new ActivateResult.UserAlreadyActive()),
        OnRelease = _ => Task.FromResult<ReleaseResult>(new ReleaseResult.UsageMismatch()),
        OnClear = _ => Task.FromResult<ClearResult>(new ClearResult.Cleared(0)),
    };

    private ApiHost _host = null!;

    public static TheoryData<string> Paths =>
        ["/api/tokens/activate", $"/api/tokens/{ScriptedCache.TokenId}/release", "/api/tokens/clear"];

    public async Task InitializeAsync() => _host = await ApiHost.StartAsync(_gateway, new ScriptedCache());

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Theory]
    [InlineData(RequestBody.Limit + 1)]
    [InlineData((64 * 1024) + 1)]
    [InlineData(long.MaxValue)]
    public async Task A_length_over_the_limit_is_refused_before_a_byte_of_the_body_is_read(long length)
    {
        foreach (var path in Paths)
        {
            var answer = await RawHttp.SendAsync(
                _host.Address,

                $"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
                + $"Content-Length: {length}\r\n\r\n");

            AssertTooLarge(answer);
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task A_chunked_body_is_counted_while_it_is_read(string path)
    {
        // Never ended: the answer must come before the end of the body does.
        var answer = await SendChunksAsync(path, Enumerable.Repeat(new string(' ', 1000), 17), ended: false);

        AssertTooLarge(answer);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task A_chunked_body_over_the_servers_own_limit_is_refused_in_the_same_way(string path)
    {
        var answer = await SendChunksAsync(path, [new string(' ', 70_000)], ended: true);

        AssertTooLarge(answer);
    }

    [Fact]
    public async Task A_body_of_exactly_the_limit_is_read()
    {
        var chunks = new[] { Json, new string(' ', RequestBody.Limit - Json.Length) };

        var chunked = await SendChunksAsync("/api/tokens/activate", chunks, ended: true);
        var whole = await RawHttp.SendAsync(
                _host.Address,

            "POST /api/tokens/activate HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
            + $"Content-Length: {RequestBody.Limit}\r\n\r\n{string.Concat(chunks)}");

        Assert.Contains("user_already_active", chunked, StringComparison.Ordinal);
        Assert.Contains("user_already_active", whole, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_comes_byte_by_byte_is_put_together()
    {
        var answer = await SendChunksAsync("/api/tokens/activate", Json.Select(c => c.ToString()), ended: true);

        Assert.Contains("user_already_active", answer, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task Broken_chunks_are_a_malformed_request(string path)
    {
        var answer = await RawHttp.SendAsync(
                _host.Address,

            $"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
            + "Transfer-Encoding: chunked\r\n\r\nzz\r\n");

        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Contains("\"code\":\"malformed_request\"", answer, StringComparison.Ordinal);
    }

    private static void AssertTooLarge(string answer)
    {
        Assert.StartsWith("HTTP/1.1 413 ", answer, StringComparison.Ordinal);
        Assert.Contains("\"code\":\"body_too_large\"", answer, StringComparison.Ordinal);
        Assert.Contains("\"errors\":{}", answer, StringComparison.Ordinal);
    }

    private Task<string> SendChunksAsync(string path, IEnumerable<string> chunks, bool ended) => RawHttp.SendAsync(
        _host.Address,
        [
            $"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n",
            .. chunks.Select(chunk => $"{chunk.Length:x}\r\n{chunk}\r\n"),
            ended ? "0\r\n\r\n" : "",
        ]);
}
