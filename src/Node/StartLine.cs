using Microsoft.Extensions.Diagnostics.HealthChecks;
using TokenManager.Node.Management;

namespace TokenManager.Node;

/// <summary>The one line that a node says when it can serve: what it is and where everything is.</summary>
internal static class StartLine
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>Waits until the node is ready, then logs the line; ends early when the node is stopping.</summary>
    public static async Task WriteWhenReadyAsync(WebApplication app, NodeOptions options, CancellationToken stopping)
    {
        try
        {
            var health = app.Services.GetRequiredService<HealthCheckService>();
            while ((await health.CheckHealthAsync(NodeHealth.IsReadiness, stopping)).Status == HealthStatus.Unhealthy)
                await Task.Delay(Interval, stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return;
        }

        var version = NodeVersion.Text;
        var management = app.Services.GetService<ManagementServer>()?.Address;
        var line = Of(version, [.. app.Urls], management, options);
        app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("TokenManager").LogInformation("{StartLine}", line);
    }

    public static string Of(string version, IReadOnlyList<string> urls, string? management, NodeOptions options)
    {
        var api = string.Join(" and ", urls.Select(url => $"{url}/api/tokens"));
        return $"Token Manager {version} is ready: API {api}, reference {urls[0]}/docs, "
            + $"health {urls[0]}{NodeHealth.ReadyPath}, management {management ?? "off"}, store {StoreText.Of(options.Store)}";
    }
}
