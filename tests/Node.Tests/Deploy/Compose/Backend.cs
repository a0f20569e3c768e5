using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace TokenManager.Node.Tests.Deploy.Compose;

/// <summary>A server as HAProxy sees a node: it is ready or not, and it counts what it gets.</summary>
internal sealed class Backend : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _requests;

    private Backend(WebApplication app) => _app = app;

    public bool IsReady { get; set; } = true;

    /// <summary>Each request is read and then cut off without an answer.</summary>
    public bool CutsOff { get; set; }

    public int Requests => Volatile.Read(ref _requests);

    public int Port => new Uri(_app.Urls.Single()).Port;

    public static async Task<Backend> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var backend = new Backend(app);
        app.MapGet(NodeHealth.ReadyPath, () => backend.IsReady ? Results.Ok() : Results.StatusCode(503));
        app.MapPost("/", backend.AnswerAsync);
        await app.StartAsync();
        return backend;
    }

    /// <summary>Nobody listens any more, as after a crash.</summary>
    public Task StopAsync() => _app.StopAsync();

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        await new StreamReader(context.Request.Body).ReadToEndAsync();
        Interlocked.Increment(ref _requests);
        if (CutsOff) context.Abort();
        else await context.Response.WriteAsync(Port.ToString(CultureInfo.InvariantCulture));
    }
}
