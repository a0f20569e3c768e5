using Akka.Hosting;
using TokenManager.Actors.Hosting;
using TokenManager.Http;
using TokenManager.Node;
using TokenManager.Node.Management;
using TokenManager.Node.Pbm;
using TokenManager.Node.Terminal;

if (Arguments.AreCommand(args))
    return await Commands.RunAsync(args, Console.Out, Console.Error);

return await NodeExit.RunAsync(args, (builder, options) =>
{
    builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureTokenApi());
    builder.Services
        .AddSingleton(TimeProvider.System)
        .AddTokenApi()
        .AddTokenManagerServices(options.Pool, options.Cluster, options.Store, NodeVersion.Text)
        .AddAkka("token-manager", (akka, services) => akka
            .AddNodeLogging()
            .AddDrain(options.DrainDelay)
            .AddTokenManager(options.Pool, options.Cluster, options.Store, NodeVersion.Text)
            .AddPbm(options.Pbm.Host, options.Pbm.Port, services))
        .AddDrain(options.DrainDelay)
        .AddManagement(options.ManagementUrl)
        .AddNodeHealth();

    var app = builder.Build();
    app.UseDrain();
    app.UseTokenApi();
    app.MapTokenApi();
    app.MapNodeHealth();
    return app;
});
