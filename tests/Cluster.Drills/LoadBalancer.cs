using System.Diagnostics;
using System.Net;
using System.Text;
using TokenManager.Testing;

namespace TokenManager.Cluster.Drills;

/// <summary>An haproxy that asks each node's readiness every second, and never sends a POST a second time.</summary>
internal sealed class LoadBalancer : IAsyncDisposable
{
    private static readonly TimeSpan StartsWithin = TimeSpan.FromSeconds(10);
    private readonly TemporaryFolder _folder = new();
    private readonly StringBuilder _said = new();
    private readonly Process _process;

    private LoadBalancer(IReadOnlyList<Uri> nodes)
    {
        var port = FreePorts.Next();
        Address = new Uri($"http://127.0.0.1:{port}");
        var configuration = _folder.File("haproxy.cfg");
        File.WriteAllText(configuration, Configuration(port, nodes));
        var start = new ProcessStartInfo(Find(), ["-db", "-f", configuration])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Note(line.Data);
        _process.ErrorDataReceived += (_, line) => Note(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public Uri Address { get; }

    /// <summary>Starts it, and waits until it passes requests on.</summary>
    public static async Task<LoadBalancer> StartAsync(IReadOnlyList<Uri> nodes)
    {
        var balancer = new LoadBalancer(nodes);
        try
        {
            using var client = Clients.For(balancer.Address);
            await Eventually.Async(
                async () => (await client.ReadAsync("/api/tokens")).Status is HttpStatusCode.OK, StartsWithin, balancer.Said);
            return balancer;
        }
        catch
        {
            await balancer.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Dispose();
    }

    // When a node counts as ready, and what is done when none does, is as in deploy/haproxy.
    private static string Configuration(int port, IReadOnlyList<Uri> nodes) =>
        $$"""
        defaults
            mode http
            timeout connect 1s
            timeout client 75s
            timeout server 75s
            timeout check 900ms

        frontend api
            bind 127.0.0.1:{{port}}
            use_backend unready if { nbsrv(writes) eq 0 }
            use_backend reads if METH_GET
            default_backend writes

        backend writes
            balance roundrobin
            retries 0
            option httpchk GET /health/ready
            http-check expect status 200
            default-server check inter 1s fastinter 250ms fall 2 rise 1
            {{Servers(nodes, _ => "")}}

        backend reads
            balance roundrobin
            retries 2
            option redispatch
            {{Servers(nodes, number => $" track writes/node{number}")}}

        backend unready
            balance roundrobin
            retries 0
            {{Servers(nodes, _ => "")}}

        """;

    private static string Servers(IReadOnlyList<Uri> nodes, Func<int, string> options) => string.Join(
        "\n    ", nodes.Select((node, number) => $"server node{number} {node.Host}:{node.Port}{options(number)}"));

    private static string Find() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Append("/usr/sbin")
            .Where(folder => folder.Length > 0)
            .Select(folder => Path.Combine(folder, "haproxy"))
            .FirstOrDefault(File.Exists)
        ?? throw new InvalidOperationException("A rolling deployment needs haproxy: install it (Debian: apt-get install haproxy).");

    private void Note(string? line)
    {
        lock (_said) _said.AppendLine(line);
    }

    private string Said()
    {
        lock (_said) return _said.ToString();
    }
}
