using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using TokenManager.Testing;

namespace TokenManager.Bench.Growth;

/// <summary>Where the pool is, and what a node's log says of its beginning.</summary>
internal static class PoolWatch
{
    /// <summary>With this a node tells where the pool is, and when it begins there.</summary>
    public static NodeSettings Watched(this NodeSettings settings) => settings with
    {
        Configuration = new Dictionary<string, string>(settings.Configuration)
        {
            ["TokenManager:Management:Url"] = "http://127.0.0.1:0",
            ["Logging:LogLevel:Akka"] = "Information",
        },
    };

    /// <summary>Whether the pool is on this node.</summary>
    public static async Task<bool> HasPoolAsync(NodeProcess node, CancellationToken stop)
    {
        using var client = new HttpClient { BaseAddress = node.ManagementAddress };
        var pool = await client.GetFromJsonAsync<JsonElement>(new Uri("/pool", UriKind.Relative), stop);
        return pool.GetProperty("node").GetString()!.EndsWith(Invariant($":{node.ClusterPort}"), StringComparison.Ordinal);
    }

    /// <summary>How long the pool took from its start on this node until it had read the ledger and was ready.</summary>
    public static TimeSpan RebuildTime(NodeProcess node)
    {
        var started = Time(node, "started singleton actor", "token-pool");
        var ready = Time(node, "The pool is here and ready");
        return ready - started;
    }

    private static DateTimeOffset Time(NodeProcess node, params string[] words)
    {
        var line = node.Output.LastOrDefault(line => words.All(word => line.Contains(word, StringComparison.Ordinal)))
            ?? throw new InvalidOperationException($"The node's log says nothing of \"{string.Join(" ", words)}\".\n{node.Tail()}");
        return DateTimeOffset.Parse(line[..line.IndexOf(' ', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
    }
}
