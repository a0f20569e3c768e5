using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Scalar.AspNetCore;
using TokenManager.Actors.Cache;
using TokenManager.Http.OpenApi;

namespace TokenManager.Http;

/// <summary>The HTTP API, for the node to put together. It needs an ITokenGateway and an ITokenCache.</summary>
public static class TokenApi
{
    private const string OpenApiPath = "/openapi/v1.json";
    private const string DocsPath = "/docs";

    /// <summary>Adds what the API needs, and the <see cref="ITokenRenderer"/> that the cache needs.</summary>
    public static IServiceCollection AddTokenApi(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddSingleton<ITokenRenderer, JsonTokenRenderer>();
        services.AddRequestTimeouts(TimeLimit.Configure);
        services.ConfigureHttpJsonOptions(options => ContractJson.Configure(options.SerializerOptions));
        services.AddOpenApi(ApiDescription.Configure);
        return services;
    }

    /// <summary>
    /// Adds error answers, routing and time limits, in this order. Call it first: what comes before it answers
    /// failures in its own way, and a route matched before it is outside its time limits.
    /// </summary>
    public static IApplicationBuilder UseTokenApi(this IApplicationBuilder app)
    {
        ArgumentNullException.ThrowIfNull(app);
        return app.UseMiddleware<ErrorMiddleware>().UseRouting().UseRequestTimeouts();
    }

    /// <summary>Maps <c>/api/tokens</c>, <c>/openapi/v1.json</c>, <c>/docs</c>, and <c>/</c> to the latter.</summary>
    public static IEndpointRouteBuilder MapTokenApi(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        TokenEndpoints.Map(endpoints);
        endpoints.MapOpenApi(OpenApiPath);
        endpoints.MapScalarApiReference(DocsPath, ConfigureDocs);
        endpoints.MapGet("/", static () => Results.Redirect(DocsPath)).ExcludeFromDescription();
        return endpoints;
    }

    /// <summary>Sets the server's limits: small requests only, and no more time than an honest client needs.</summary>
    public static KestrelServerOptions ConfigureTokenApi(this KestrelServerOptions kestrel)
    {
        ArgumentNullException.ThrowIfNull(kestrel);
        kestrel.AddServerHeader = false;
        // Above the API's own limit, which has an answer of its own and comes first.
        kestrel.Limits.MaxRequestBodySize = 64 * 1024;
        kestrel.Limits.MaxRequestLineSize = 8 * 1024;
        kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
        kestrel.Limits.MaxRequestHeaderCount = 64;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        // Longer than the idle time of the usual load balancers, which must be the ones to close.
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(130);
        return kestrel;
    }

    /// <summary>Everything comes from this node: no fonts, assistants or statistics from elsewhere.</summary>
    private static void ConfigureDocs(ScalarOptions docs)
    {
        docs.Title = "Token Manager";
        docs.OpenApiRoutePattern = OpenApiPath;
        docs.DefaultFonts = false;
        docs.Telemetry = false;
        docs.Agent = new ScalarAgentOptions { Disabled = true };
        docs.Mcp = new ScalarMcpOptions { Disabled = true };
        docs.ShowDeveloperTools = DeveloperToolsVisibility.Never;
    }
}
