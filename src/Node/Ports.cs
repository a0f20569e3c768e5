using System.Net;
using System.Net.Sockets;
using TokenManager.Actors;
using TokenManager.Node.Pbm;

namespace TokenManager.Node;

/// <summary>
/// Tries every port before anything starts: an actor system that must end while it starts says so on pages, and
/// remoting answers a port in use with stack traces.
/// </summary>
internal static class Ports
{
    /// <summary>What is wrong with the configured ports, in one line; null if all of them can be listened on at once.</summary>
    public static string? Problem(NodeOptions options)
    {
        // Each is held until all are: two addresses that are free, but not both, are found too.
        var held = new List<TcpListener>();
        try
        {
            return ClusterProblem(options.Cluster, held)
                ?? options.Urls.Select(url => UrlProblem(url, "ASPNETCORE_URLS or --urls", held))
                    .FirstOrDefault(problem => problem is not null)
                ?? (options.ManagementUrl is { } management
                    ? UrlProblem(management.GetLeftPart(UriPartial.Authority), ConfigurationKeys.ManagementUrl.Name, held)
                    : null)
                ?? (PbmHosting.IsCompiledIn ? PbmProblem(options.Pbm, held) : null);
        }
        finally
        {
            held.ForEach(listener => listener.Dispose());
        }
    }

    private static string? ClusterProblem(ClusterSettings cluster, List<TcpListener> held) =>
        Try(() => Resolve(cluster.Hostname), cluster.Port, held) is { } reason
            ? $"{cluster.Hostname}:{cluster.Port} cannot be listened on; allowed is an address of this machine"
                + $" (TokenManager:Cluster:Hostname) with a free port (TokenManager:Cluster:Port, 0 picks one). {reason}"
            : null;

    private static string? PbmProblem(PbmSettings pbm, List<TcpListener> held) =>
        Try(() => IPAddress.Parse(pbm.Host), pbm.Port, held) is { } reason
            ? $"{pbm.Host}:{pbm.Port} cannot be listened on; choose another one with TokenManager:Pbm:Host and"
                + $" TokenManager:Pbm:Port. {reason}"
            : null;

    private static string? UrlProblem(string url, string key, List<TcpListener> held)
    {
        var address = BindingAddress.Parse(url);
        return Try(() => HttpAddress(address.Host), address.Port, held) is { } reason
            ? $"{url} cannot be listened on; choose another address or port with {key}. {reason}"
            : null;
    }

    // As the server reads it: what is neither an address nor localhost stands for every address.
    private static IPAddress HttpAddress(string host) =>
        IPAddress.TryParse(host.Trim('[', ']'), out var literal) ? literal
        : host.Equals("localhost", StringComparison.OrdinalIgnoreCase) ? IPAddress.Loopback
        : IPAddress.Any;

    private static IPAddress Resolve(string host) =>
        IPAddress.TryParse(host, out var literal) ? literal : Dns.GetHostAddresses(host)[0];

    private static string? Try(Func<IPAddress> address, int port, List<TcpListener> held)
    {
        try
        {
            var listener = new TcpListener(address(), port);
            held.Add(listener);
            listener.Start();
            return null;
        }
        catch (SocketException failure)
        {
            return $"{OneLine.Of(failure.Message)}.";
        }
    }
}
