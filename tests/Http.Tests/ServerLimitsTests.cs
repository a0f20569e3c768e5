using TokenManager.Contract;

namespace TokenManager.Http.Tests;

/// <summary>What the server refuses before any of our code runs: a bare status, and the connection closed.</summary>
public sealed class ServerLimitsTests : IAsyncLifetime
{
    private ApiHost _host = null!;

    public async Task InitializeAsync() => _host = await ApiHost.StartWithPoolAsync(1);

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task Too_many_headers_are_refused() => await IsRefusedAsync(
        431, "/api/tokens", string.Concat(Enumerable.Range(0, 65).Select(i => $"X-{i}: 1\r\n")));

    [Fact]
    public async Task Too_large_headers_are_refused() => await IsRefusedAsync(
        431, "/api/tokens", $"X-Large: {new string('x', 17 * 1024)}\r\n");

    [Fact]
    public async Task A_too_long_path_is_refused() => await IsRefusedAsync(
        414, $"/api/tokens/{new string('x', 9 * 1024)}", "");

    [Fact]
    public async Task A_nul_in_the_path_is_refused() => await IsRefusedAsync(400, "/api/tokens/%00", "");

    private async Task IsRefusedAsync(int status, string path, string headers)
    {
        var answer = await RawHttp.SendAsync(_host.Address, $"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", answer, StringComparison.Ordinal);
    }
}
