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

    [Fact]
    public async Task The_documentation_comes_whole_from_this_node()
    {
        var page = await _host.Client.GetStringAsync("/docs/");

        Assert.DoesNotContain("://", page, StringComparison.Ordinal);
        Assert.Contains("\"withDefaultFonts\":false", page, StringComparison.Ordinal);
        Assert.Contains("\"telemetry\":false", page, StringComparison.Ordinal);
        Assert.Contains("\"agent\":{\"disabled\":true}", page, StringComparison.Ordinal);
        foreach (var asset in new[] { "scalar.js", "scalar.aspnetcore.js" })
        {
            Assert.Contains($"src=\"{asset}\"", page, StringComparison.Ordinal);
            using var answer = await _host.Client.GetAsync($"/docs/{asset}");
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }
}
