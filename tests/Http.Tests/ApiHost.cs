using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TokenManager.Actors;
using TokenManager.Actors.Cache;

namespace TokenManager.Http.Tests;

/// <summary>The HTTP layer on a real server with a free port, over whatever gateway and cache a test brings.</summary>
internal sealed class ApiHost : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ApiHost(WebApplication app)
    {
        _app = app;
        Address = new Uri(app.Urls.Single());
        Client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = Address };
    }

    public Uri Address { get; }

    public HttpClient Client { get; }

    public IEnumerable<RouteEndpoint> Endpoints =>
        _app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();

    public static Task<ApiHost> StartAsync(
        ITokenGateway gateway,
        ITokenCache cache,
        Action<IServiceCollection>? configure = null,
        Action<IEndpointRouteBuilder>? map = null) =>
        StartAsync(
            services =>
            {
                services.AddSingleton(gateway);
                services.AddSingleton(cache);
                configure?.Invoke(services);
            },
            map);

    public static Task<ApiHost> StartWithPoolAsync(int size) => StartAsync(
        services =>
        {
            services.AddSingleton(provider =>
                new InMemoryPool(provider.GetRequiredService<ITokenRenderer>(), size));
            services.AddSingleton<ITokenGateway>(provider => provider.GetRequiredService<InMemoryPool>());
            services.AddSingleton<ITokenCache>(provider => provider.GetRequiredService<InMemoryPool>());
        },
        null);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }

    private static async Task<ApiHost> StartAsync(
        Action<IServiceCollection> configure, Action<IEndpointRouteBuilder>? map)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureTokenApi());
        builder.Services.AddTokenApi();
        configure(builder.Services);

        var app = builder.Build();
        app.UseTokenApi();
        app.MapTokenApi();
        map?.Invoke(app);
        await app.StartAsync();
        return new ApiHost(app);
    }
}
