using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace TokenManager.Node;

/// <summary>
/// Live: restart the node if this fails. Ready: send it requests while this succeeds. Akka's checks carry these tags;
/// a check with neither tag takes part in neither answer.
/// </summary>
internal static class NodeHealth
{
    public const string LivePath = "/health/live";
    public const string ReadyPath = "/health/ready";

    public static bool IsLiveness(HealthCheckRegistration check) => check.Tags.Contains("liveness");

    public static bool IsReadiness(HealthCheckRegistration check) => check.Tags.Contains("ready");

    public static void MapNodeHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapHealthChecks(LivePath, new HealthCheckOptions { Predicate = IsLiveness });
        routes.MapHealthChecks(ReadyPath, new HealthCheckOptions { Predicate = IsReadiness });
    }
}
