using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace TokenManager.Http.Management;

/// <summary>
/// The management API, for the node to put on a server of its own: it has no authentication, so it must never be
/// reachable where the public API is. It needs an IClusterManagement and an ITokenManagement.
/// </summary>
public static class ManagementApi
{
    /// <summary>Adds what the API needs.</summary>
    public static IServiceCollection AddManagementApi(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        return services.AddRoutingCore().AddRequestTimeouts(TimeLimit.Configure);
    }

    /// <summary>Adds error answers, routing and time limits, in this order.</summary>
    public static IApplicationBuilder UseManagementApi(this IApplicationBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        return app.UseMiddleware<ErrorMiddleware>().Use(AnswerUnknownPath).UseRouting().UseRequestTimeouts();
    }

    /// <summary>Maps <c>/cluster</c>, <c>/pool</c> and <c>/tokens</c>.</summary>
    public static IEndpointRouteBuilder MapManagementApi(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        ClusterEndpoints.Map(endpoints);
        PoolEndpoints.Map(endpoints);
        return endpoints;
    }

    // The public API's answer names its own paths.
    private static RequestDelegate AnswerUnknownPath(RequestDelegate next) => async context =>
    {
        await next(context);
        if (context.Response is { HasStarted: false, StatusCode: StatusCodes.Status404NotFound, ContentType: null })
            await ManagementErrors.NotFound.ExecuteAsync(context);
    };
}
