using System.Diagnostics;
using Akka.Actor;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Console;
using TokenManager.Actors.Ledger;
using TokenManager.Node.Terminal;

namespace TokenManager.Node;

/// <summary>
/// A node's life as its operator sees it: exit code 0 after an orderly stop, 1 with one line for each problem on
/// standard error otherwise. Stack traces are for the Debug log level.
/// </summary>
internal static class NodeExit
{
    /// <summary>
    /// Coordinated shutdown's phases add up to 75 s at worst; the host must not give up before. Draining comes on top.
    /// </summary>
    public static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(90);

    /// <summary>Reads the options, lets the caller compose the application, runs it until it is told to stop.</summary>
    public static async Task<int> RunAsync(string[] args, Func<WebApplicationBuilder, NodeOptions, WebApplication> compose)
    {
        WebApplicationBuilder? builder = null;
        try
        {
            if (Arguments.Problems(args).ToList() is { Count: > 0 } problems) return Fail(problems);

            builder = CreateBuilder(args);
            return Certificates.ReadInto(NodeOptions.Read(builder.Configuration)) switch
            {
                NodeOptionsResult.Valid { Options: var options } when Ports.Problem(options) is { } problem =>
                    Fail([problem]),
                NodeOptionsResult.Valid { Options: { Store: Store.Sqlite } options } =>
                    await RunAloneAsync(builder, options, compose),
                NodeOptionsResult.Valid { Options: var options } => await RunAsync(builder, options, compose),
                NodeOptionsResult.Invalid { Errors: var errors } => Fail(errors),
                _ => throw new UnreachableException(),
            };
        }
        catch (Exception failure)
        {
            // Nothing above this handles anything: whatever it is, it ends the process.
            if (builder is not null) LogDetails(builder.Configuration, failure);
            return Fail([Line(failure)]);
        }
    }

    private static WebApplicationBuilder CreateBuilder(string[] args) => WebApplication.CreateBuilder(
        new WebApplicationOptions
        {
            // Options are read once, so nothing may watch the files; watches are scarce where many nodes share a machine.
            Args = ["--hostBuilder:reloadConfigOnChange=false", .. args],
            // The settings that come with the node are found from any working directory.
            ContentRootPath = AppContext.BaseDirectory,
        });

    private static async Task<int> RunAloneAsync(
        WebApplicationBuilder builder, NodeOptions options, Func<WebApplicationBuilder, NodeOptions, WebApplication> compose)
    {
        switch (SingleNodeGuard.Acquire(options.DataDirectory))
        {
            case SingleNodeGuardResult.Held { Guard: var guard }:
                using (guard) return await RunAsync(builder, options, compose);
            case SingleNodeGuardResult.Refused { Error: var error }:
                return Fail([error]);
            default:
                throw new UnreachableException();
        }
    }

    private static async Task<int> RunAsync(
        WebApplicationBuilder builder, NodeOptions options, Func<WebApplicationBuilder, NodeOptions, WebApplication> compose)
    {
        builder.WebHost.UseUrls([.. options.Urls]);
        // Already part of the urls; the host would warn about having both.
        builder.WebHost.UseSetting("http_ports", "").UseSetting("https_ports", "");
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = ShutdownTimeout + options.DrainDelay);
        TrimJsonTimestamps(builder.Services);

        await using var app = compose(builder, options);
        var stopping = app.Lifetime.ApplicationStopping;
        try
        {
            await app.StartAsync();
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            await ThrowIfFailedAsync(app);
            return Environment.ExitCode;
        }
        catch
        {
            // What has started is ended in order, before the services that it uses are.
            await app.StopAsync(CancellationToken.None);
            throw;
        }

        var actors = CoordinatedShutdown.Get(app.Services.GetRequiredService<ActorSystem>());
        await StartLine.WriteWhenReadyAsync(app, options, stopping);
        await app.WaitForShutdownAsync();
        await ThrowIfFailedAsync(app);
        return actors.ShutdownReason switch
        {
            // The host ends the actors.
            CoordinatedShutdown.ClrExitReason => Environment.ExitCode,
            // An operator let the node leave. The host finds its actors gone, and would call that a failure.
            CoordinatedShutdown.ClusterLeavingReason => 0,
            _ => Fail(["Token Manager ends because its cluster took this node out; start it again to let it join anew."]),
        };
    }

    // The host ends in order when a background service fails, and would call that a success.
    private static Task ThrowIfFailedAsync(WebApplication app) =>
        app.Services.GetServices<IHostedService>().OfType<BackgroundService>()
            .Select(service => service.ExecuteTask)
            .FirstOrDefault(task => task is { IsFaulted: true }) ?? Task.CompletedTask;

    private static string Line(Exception failure) =>
        failure is IOException { InnerException: AddressInUseException }
            ? $"Token Manager cannot start: {OneLine.Of(failure)} Choose another one with ASPNETCORE_URLS, --urls or "
                + $"{ConfigurationKeys.ManagementUrl.Name}."
            : $"Token Manager cannot go on: {OneLine.Of(failure)}";

    private static int Fail(IEnumerable<string> lines)
    {
        foreach (var line in lines) Console.Error.WriteLine(line);
        return 1;
    }

    // The application's own logging may be gone or may never have come up.
    private static void LogDetails(ConfigurationManager configuration, Exception failure)
    {
        using var logging = LoggerFactory.Create(builder =>
        {
            builder.AddConfiguration(configuration.GetSection("Logging")).AddConsole();
            TrimJsonTimestamps(builder.Services);
        });
        logging.CreateLogger("TokenManager").LogDebug(failure, "The node ends because of this");
    }

    // The space that parts a plain line's time from its level has no place in JSON.
    private static void TrimJsonTimestamps(IServiceCollection services) =>
        services.PostConfigure<JsonConsoleFormatterOptions>(json => json.TimestampFormat = json.TimestampFormat?.TrimEnd());
}
