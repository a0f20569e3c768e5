using System.Diagnostics;
using System.Globalization;
using System.Net;
using TokenManager.Testing;

namespace TokenManager.Node.Tests.Deploy.Compose;

/// <summary>HAProxy with the repository's configuration, in which nothing but the addresses is changed.</summary>
internal sealed class Proxy : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Process _process;

    private Proxy(int port, IReadOnlyList<Backend> backends)
    {
        var configuration = Repository.Read(ProxyFile.FileName)
            .Replace("bind :4000", $"bind 127.0.0.1:{port}", StringComparison.Ordinal)
            .Replace(" resolvers docker init-addr none", "", StringComparison.Ordinal);
        foreach (var (index, backend) in backends.Index())
            configuration = configuration.Replace(
                $"node-{index + 1}:4000", $"127.0.0.1:{backend.Port.ToString(CultureInfo.InvariantCulture)}", StringComparison.Ordinal);

        var file = _folder.File("haproxy.cfg");
        File.WriteAllText(file, configuration);
        _process = Process.Start(new ProcessStartInfo("haproxy", ["-db", "-f", file])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        _process.OutputDataReceived += (_, _) => { };
        _process.ErrorDataReceived += (_, _) => { };
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        Client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(10) };
    }

    public HttpClient Client { get; }

    public static async Task<Proxy> StartAsync(IReadOnlyList<Backend> backends)
    {
        var proxy = new Proxy(FreePorts.Next(), backends);
        try
        {
            await Eventually.Async(
                async () =>
                {
                    using var answer = await proxy.PostAsync();
                    return answer.StatusCode == HttpStatusCode.OK;
                },
                TimeSpan.FromSeconds(10));
        }
        catch
        {
            await proxy.DisposeAsync();
            throw;
        }

        return proxy;
    }

    public async Task<HttpResponseMessage> PostAsync()
    {
        using var body = new StringContent("a request");
        return await Client.PostAsync(new Uri("/", UriKind.Relative), body);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Dispose();
    }
}
