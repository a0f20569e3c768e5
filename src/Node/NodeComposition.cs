using Akka.Hosting;
using TokenManager.Actors.Hosting;
using TokenManager.Http;
using TokenManager.Node.Management;
using TokenManager.Node.Pbm;

namespace TokenManager.Node;

/// <summary>Puts a node together. The product is the composition as it is; what is added to it is for those who test it.</summary>
internal sealed class NodeComposition
{
    /// <summary>Comes after the product's registrations, so that its own replace them.</summary>
    public Action<IServiceCollection> AddServices { get; init; } = static _ => { };

    /// <summary>Comes after the product's actors, so that its settings win.</summary>
    public Action<AkkaConfigurationBuilder> AddActors { get; init; } = static _ => { };

    /// <summary>Comes before the API, so that requests pass it first.</summary>
    public Action<WebApplication> UseFirst { get; init; } = static _ => { };

    /// <summary>Composes the application that <see cref="NodeExit"/> runs.</summary>
    public WebApplication Compose(WebApplicationBuilder builder, NodeOptions options)
    {
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureTokenApi());
        builder.Services
            .AddHostedService(_ => new WorkerThreads(calm: TimeSpan.FromSeconds(10)))
            .AddSingleton(TimeProvider.System)
            .AddTokenApi()
            .AddTokenManagerServices(options.Pool, options.Cluster, options.Store, NodeVersion.Text)
            .AddAkka("token-manager", (akka, services) =>
            {
                akka
                    .AddNodeLogging()
                    .AddDrain(options.DrainDelay)
                    .AddTokenManager(options.Pool, options.Cluster, options.Store, NodeVersion.Text)
                    .AddPbm(options.Pbm.Host, options.Pbm.Port, services);
                AddActors(akka);
            })
            .AddDrain(options.DrainDelay)
            .AddManagement(options.ManagementUrl)
            .AddNodeHealth();
        AddServices(builder.Services);

        var app = builder.Build();
        app.UseDrain();
        UseFirst(app);
        app.UseTokenApi();
        app.MapTokenApi();
        app.MapNodeHealth();
        return app;
    }
}
