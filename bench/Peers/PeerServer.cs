using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using TokenManager.Http;

namespace TokenManager.Bench.Peers;

/// <summary>Serves on a free port of the loopback until standard input ends, with the node's settings of Kestrel.</summary>
internal static class PeerServer
{
    public static WebApplicationBuilder NewBuilder()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureTokenApi());
        return builder;
    }

    public static async Task RunAsync(WebApplication app)
    {
        await using (app)
        {
            await app.StartAsync();
            Console.WriteLine(app.Urls.Single());
            await Console.In.ReadToEndAsync();
            await app.StopAsync();
        }
    }
}
