using System.Net;

namespace TokenManager.Http.Tests;

public sealed class DocsTests : IAsyncLifetime
{
    private ApiHost _host = null!;

    public async Task InitializeAsync() => _host = await ApiHost.StartWithPoolAsync(1);

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task The_root_leads_to_the_documentation()
    {
        using var answer = await _host.Client.GetAsync("/");

        Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
        Assert.Equal("/docs", answer.Headers.Location?.OriginalString);
    }
}
