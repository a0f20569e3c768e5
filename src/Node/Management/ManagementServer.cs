using TokenManager.Actors.Management;
using TokenManager.Http;
using TokenManager.Http.Management;

namespace TokenManager.Node.Management;

/// <summary>
/// Serves the management API from a server of its own inside the node: no request to the public server, whatever its
/// Host header says, can ever meet a management route, and the other way round. Starts before the public one and ends
/// after it, and needs no database.
/// </summary>
internal sealed class ManagementServer(Uri url, IServiceProvider node) : IHostedService, IAsyncDisposable
{
    // An operator's request under way must not keep the node from ending.
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(5);

    private WebApplication? _app;

    /// <summary>Where it listens, with the port that was picked; null before it does.</summary>
    public string? Address => _app?.Urls.SingleOrDefault();

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _app = Compose();
        await _app.StartAsync(cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => _app?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    public ValueTask DisposeAsync() => _app?.DisposeAsync() ?? ValueTask.CompletedTask;

    private WebApplication Compose()
    {
        // Empty: the node's own configuration names the public addresses, and would bind them a second time.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost
            .UseKestrelCore()
            .ConfigureKestrel(kestrel => kestrel.ConfigureTokenApi())
            .UseUrls(url.GetLeftPart(UriPartial.Authority));
        builder.Services
            .AddSingleton<IHostLifetime, NoLifetime>()
            .Configure<HostOptions>(host => host.ShutdownTimeout = ShutdownTimeout)
            .AddManagementApi()
            // As instances, so that this server's end does not dispose of what is the node's.
            .AddSingleton(node.GetRequiredService<ILoggerFactory>())
            .AddSingleton(node.GetRequiredService<IClusterManagement>())
            .AddSingleton(node.GetRequiredService<ITokenManagement>());

        var app = builder.Build();
        app.UseManagementApi();
        app.MapManagementApi();
        return app;
    }

    /// <summary>Signals are the node's business.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
