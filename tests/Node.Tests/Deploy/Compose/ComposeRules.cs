using System.Globalization;
using System.Text.Json;
using Npgsql;

namespace TokenManager.Node.Tests.Deploy.Compose;

/// <summary>docker-compose.yml, HAProxy's configuration and the product mean the same.</summary>
internal static class ComposeRules
{
    public static IReadOnlyList<string> Problems(string compose, string proxy)
    {
        try
        {
            var file = ComposeFile.Parse(compose);
            return [.. Nodes(file), .. References(file), .. LoadBalancer(file, ProxyFile.Parse(proxy))];
        }
        catch (Exception refused) when (refused is JsonException or InvalidDataException)
        {
            return [refused.Message];
        }
    }

    private static Dictionary<string, ComposeService> NodesOf(ComposeFile file) =>
        file.Services.Where(service => service.Value.Build is not null).ToDictionary();

    private static IEnumerable<string> Nodes(ComposeFile file)
    {
        foreach (var (name, node) in NodesOf(file))
        {
            foreach (var problem in NodeConfiguration.Problems(name, node.Environment)) yield return problem;

            var options = NodeConfiguration.Options(node.Environment);
            if (options.Cluster.Hostname != name || node.Hostname != name)
                yield return $"{name} is called {options.Cluster.Hostname}, and {node.Hostname} by itself.";

            if (node.Image != $"token-manager:{NodeVersion.Text}")
                yield return $"{name} runs {node.Image}; the sources are version {NodeVersion.Text}.";
            if (node.Build is not { Context: ".", Dockerfile: ImageFile.FileName })
                yield return $"{name} is built from {node.Build?.Context} by {node.Build?.Dockerfile}.";
            if (node is not { ReadOnly: true, Restart: "unless-stopped", CapDrop: ["ALL"], SecurityOpt: ["no-new-privileges:true"], Tmpfs: ["/tmp"] })
                yield return $"{name} may do more than it needs to, or is not started again.";

            var longest = ShutdownTime.Longest(options);
            if (node.StopGracePeriod is not { } grace
                || !(double.Parse(grace.TrimEnd('s'), CultureInfo.InvariantCulture) > longest.TotalSeconds))
            {
                yield return $"{name} is killed after {node.StopGracePeriod}; its end may take {longest.TotalSeconds} s.";
            }

            foreach (var problem in Database(file, name, options.ConnectionString)) yield return problem;
        }
    }

    private static IEnumerable<string> Database(ComposeFile file, string name, string connectionString)
    {
        var wanted = new NpgsqlConnectionStringBuilder(connectionString);
        if (!file.Services.TryGetValue(wanted.Host ?? "", out var database))
        {
            yield return $"{name}: there is no service {wanted.Host}.";
            yield break;
        }

        if (database.Environment["POSTGRES_DB"] != wanted.Database
            || database.Environment["POSTGRES_USER"] != wanted.Username
            || database.Environment["POSTGRES_PASSWORD"] != ComposeFile.Password
            || wanted.Password != ComposeFile.Password)
        {
            yield return $"{name} and {wanted.Host} do not mean the same database, user and password.";
        }
    }

    private static IEnumerable<string> References(ComposeFile file)
    {
        foreach (var (name, service) in file.Services)
        {
            foreach (var dependency in service.Dependencies.Where(dependency => !file.Services.ContainsKey(dependency)))
                yield return $"{name} waits for {dependency}, which is no service.";

            foreach (var source in service.Volumes.Select(volume => volume.Split(':')[0]))
                if (source.StartsWith("./", StringComparison.Ordinal) ? !File.Exists(Repository.PathOf(source)) : !file.Volumes.ContainsKey(source))
                    yield return $"{name} mounts {source}, which is not there.";

            if (!service.Image.Contains(':', StringComparison.Ordinal)) yield return $"{name} runs whatever version is there.";
        }
    }

    private static IEnumerable<string> LoadBalancer(ComposeFile file, ProxyFile proxy)
    {
        var servers = NodesOf(file).SelectMany(node => NodeConfiguration.HttpPorts(NodeConfiguration.Options(node.Value.Environment))
            .Select(port => $"{node.Key} {node.Key}:{port}"));
        foreach (var backend in proxy.Backends.Where(backend => !servers.Order().SequenceEqual(backend.Order())))
            yield return $"The load balancer's servers are {string.Join(", ", backend)}; the nodes are {string.Join(", ", servers)}.";

        if (proxy.Check != $"GET {NodeHealth.ReadyPath}")
            yield return $"The load balancer asks {proxy.Check}, not GET {NodeHealth.ReadyPath}.";
        if (proxy.RetryOn != "conn-failure") yield return $"The load balancer sends a request again on {proxy.RetryOn}.";

        var front = file.Services["load-balancer"];
        if (front.Ports.Select(port => port.Split(':')[^1]).SingleOrDefault() != proxy.Port)
            yield return $"The load balancer listens on {proxy.Port}, which is not published.";
        if (!front.Volumes.Any(volume => volume.StartsWith($"./{ProxyFile.FileName}:/usr/local/etc/haproxy/haproxy.cfg", StringComparison.Ordinal)))
            yield return "The load balancer does not read its configuration.";
    }
}
