using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace TokenManager.Node;

/// <summary>
/// Live: restart the node if this fails. Ready: send it requests while this succeeds. A check with neither tag takes
/// part in neither answer.
/// </summary>
internal static class NodeHealth
{
    public const string LivePath = "/health/live";
    public const string ReadyPath = "/health/ready";

    /// <summary>After it a check has failed; whoever probes must wait longer to be told why.</summary>
    public static readonly TimeSpan CheckTimeout = TimeSpan.FromSeconds(2);

    private const string Liveness = "liveness";
    private const string Readiness = "ready";

    public static bool IsLiveness(HealthCheckRegistration check) => check.Tags.Contains(Liveness);

    public static bool IsReadiness(HealthCheckRegistration check) => check.Tags.Contains(Readiness);

    public static void AddNodeHealth(this IServiceCollection services) => services.AddHealthChecks()
        .AddCheck<ActorSystemCheck>("actor-system", tags: [Liveness, Readiness])
        .AddCheck<Drain>("drain", tags: [Readiness])
        .AddCheck<ClusterCheck>("cluster", tags: [Readiness])
        .AddCheck<PoolCheck>("pool", tags: [Readiness], timeout: CheckTimeout)
        .AddCheck<CacheCheck>("cache", tags: [Readiness])
        .AddCheck<DatabaseCheck>("database", tags: [Readiness], timeout: CheckTimeout);

    public static void MapNodeHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapHealthChecks(LivePath, new HealthCheckOptions { Predicate = IsLiveness, ResponseWriter = WriteAsync });
        routes.MapHealthChecks(ReadyPath, new HealthCheckOptions { Predicate = IsReadiness, ResponseWriter = WriteAsync });
    }

    /// <summary>Says which check failed and why: <c>{"status": "unhealthy", "checks": {"pool": "the pool does …"}}</c>.</summary>
    private static Task WriteAsync(HttpContext context, HealthReport report) => context.Response.WriteAsJsonAsync(
        new
        {
            status = Word(report.Status),
            checks = report.Entries.ToDictionary(
                entry => entry.Key, entry => entry.Value.Description ?? Word(entry.Value.Status)),
        },
        JsonSerializerOptions.Web);

    private static string Word(HealthStatus status) => status switch
    {
        HealthStatus.Healthy => "healthy",
        HealthStatus.Degraded => "degraded",
        _ => "unhealthy",
    };
}
