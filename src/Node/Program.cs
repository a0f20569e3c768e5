using Akka.Hosting;
using TokenManager.Actors.Hosting;
using TokenManager.Http;
using TokenManager.Node;

return await NodeExit.RunAsync(args, (builder, options) =>
{
    builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureTokenApi());
    builder.Services
        .AddSingleton(TimeProvider.System)
        .AddTokenApi()
        .AddTokenManagerServices(options.Pool, options.Cluster, options.Store, NodeVersion.Text)
        .AddAkka("token-manager", akka => akka
            .AddNodeLogging()
            .AddTokenManager(options.Pool, options.Cluster, options.Store, NodeVersion.Text))
        .AddDrain(options.DrainDelay)
        .AddNodeHealth();

    var app = builder.Build();
    app.UseDrain();
    app.UseTokenApi();
    app.MapTokenApi();
    app.MapNodeHealth();
    return app;
});
