using Akka;
using Akka.Actor;
using Akka.Hosting;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace TokenManager.Node;

/// <summary>
/// The beginning of an orderly end: the node says that it is not ready, and goes on serving until load balancers have
/// heard it. Each answer meanwhile closes its connection, so that callers come back elsewhere.
/// </summary>
internal sealed class Drain : IHostedLifecycleService, IHealthCheck
{
    private readonly TimeSpan _delay;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly ActorSystem _system;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private volatile bool _isDraining;

    public Drain(TimeSpan delay, IHostApplicationLifetime lifetime, ActorSystem system, TimeProvider time, ILoggerFactory logging)
    {
        _delay = delay;
        _lifetime = lifetime;
        _system = system;
        _time = time;
        _log = logging.CreateLogger("TokenManager");
        CoordinatedShutdown.Get(system).AddTask(
            CoordinatedShutdown.PhaseBeforeServiceUnbind, "drain", DrainIfLeavingAsync);
    }

    public bool IsDraining => _isDraining;

    /// <summary>Runs before anything is stopped.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        _isDraining = true;
        // Nobody has come to a node that never started, and nobody gets anything from one whose actors are gone.
        if (!_lifetime.ApplicationStarted.IsCancellationRequested)
            return;

        SayThatTheNodeDrains();
        await Task.WhenAny(Task.Delay(_delay, _time, cancellationToken), _system.WhenTerminated);
    }

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken) =>
        Task.FromResult(_isDraining ? HealthCheckResult.Unhealthy("the node is stopping") : HealthCheckResult.Healthy());

    /// <summary>A node that an operator lets leave the cluster ends from within: its actors go before the host does.</summary>
    private async Task<Done> DrainIfLeavingAsync()
    {
        if (CoordinatedShutdown.Get(_system).ShutdownReason is CoordinatedShutdown.ClusterLeavingReason)
        {
            _isDraining = true;
            SayThatTheNodeDrains();
            await Task.Delay(_delay, _time);
        }

        return Done.Instance;
    }

    private void SayThatTheNodeDrains() => _log.LogInformation(
        "The node is stopping: it is not ready any more, serves on for {DrainDelay}, hands over what it has, and ends", _delay);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>Puts <see cref="Drain"/> into the node.</summary>
internal static class DrainHosting
{
    public static IServiceCollection AddDrain(this IServiceCollection services, TimeSpan delay) => services
        .AddSingleton(provider => new Drain(
            delay,
            provider.GetRequiredService<IHostApplicationLifetime>(),
            provider.GetRequiredService<ActorSystem>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILoggerFactory>()))
        .AddHostedService(provider => provider.GetRequiredService<Drain>());

    /// <summary>Gives the actors' shutdown the time that it takes.</summary>
    public static AkkaConfigurationBuilder AddDrain(this AkkaConfigurationBuilder akka, TimeSpan delay) => akka.AddHocon(
        $"akka.coordinated-shutdown.phases.before-service-unbind.timeout = {(delay + TimeSpan.FromSeconds(5)).TotalSeconds}s",
        HoconAddMode.Prepend);

    /// <summary>Comes first, so that every answer passes it.</summary>
    public static void UseDrain(this WebApplication app)
    {
        var drain = app.Services.GetRequiredService<Drain>();
        app.Use((context, next) =>
        {
            if (drain.IsDraining && HttpProtocol.IsHttp11(context.Request.Protocol))
                context.Response.Headers.Connection = "close";
            return next(context);
        });
    }
}
