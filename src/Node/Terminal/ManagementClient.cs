using System.Net.Http.Headers;
using System.Text.Json;

namespace TokenManager.Node.Terminal;

/// <summary>Talks to the management API of a running node.</summary>
internal sealed class ManagementClient(Uri url) : IDisposable
{
    // Above what a clear of a large pool takes; everything else answers at once or is cut by the node.
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(75);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    private readonly HttpClient _http = new(
        new SocketsHttpHandler { ConnectTimeout = ConnectTimeout, UseProxy = false, AllowAutoRedirect = false })
    {
        BaseAddress = url,
        Timeout = Timeout,
    };

    public Task<ManagementReply> ReadMembersAsync(CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Get, "/cluster/members", body: null, cancellationToken);

    public Task<ManagementReply> ChangeMemberAsync(string address, string operation, CancellationToken cancellationToken) =>
        SendAsync(
            HttpMethod.Put,
            $"/cluster/members/{Uri.EscapeDataString(address)}",
            new FormUrlEncodedContent([new("operation", operation)]),
            cancellationToken);

    public Task<ManagementReply> ReadPoolAsync(CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Get, "/pool", body: null, cancellationToken);

    public Task<ManagementReply> ReadTokenAsync(Guid tokenId, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Get, $"/tokens/{tokenId}", body: null, cancellationToken);

    public Task<ManagementReply> ClearAsync(CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, "/tokens/clear", body: null, cancellationToken);

    public void Dispose() => _http.Dispose();

    private async Task<ManagementReply> SendAsync(
        HttpMethod method, string path, HttpContent? body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative)) { Content = body };
        try
        {
            using var response = await _http.SendAsync(request, cancellationToken);
            var answer = await response.Content.ReadAsByteArrayAsync(cancellationToken);
            if (response.IsSuccessStatusCode && IsJson(response.Content.Headers.ContentType))
                return new ManagementReply.Answered(answer);

            return RefusalIn(answer) is { } detail
                ? new ManagementReply.Refused(detail)
                : new ManagementReply.Unreached(
                    $"What answers at {url} is not the management API of a node (status {(int)response.StatusCode}).");
        }
        catch (HttpRequestException failure)
        {
            return new ManagementReply.Unreached($"No node can be reached at {url}: {OneLine.Of(failure.Message)} Start one, or name another with --url.");
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new ManagementReply.Unreached($"The node at {url} does not answer.");
        }
    }

    private static bool IsJson(MediaTypeHeaderValue? type) => type?.MediaType == "application/json";

    // Only this service's problems have a code; the public API has none of the paths that are asked for here.
    private static string? RefusalIn(byte[] answer)
    {
        try
        {
            using var problem = JsonDocument.Parse(answer);
            return problem.RootElement is { ValueKind: JsonValueKind.Object } members
                && members.TryGetProperty("code", out var code)
                && !code.ValueEquals("not_found"u8)
                && members.TryGetProperty("detail", out var detail)
                    ? detail.GetString()
                    : null;
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
