using Akka.Actor;
using Akka.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TokenManager.Actors.Cache;
using TokenManager.Actors.Hosting;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Failpoints;

/// <summary>All parts of a node but HTTP, as the product puts them together, with a failpoint in ledger and journal.</summary>
internal sealed class InProcessNode : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private InProcessNode(ServiceProvider services) => _services = services;

    public ITokenGateway Gateway => _services.GetRequiredService<ITokenGateway>();

    public IActorRef Tokens => _services.GetRequiredService<IReadOnlyActorRegistry>().Get<TokenActor>();

    public ITokenCache Cache => _services.GetRequiredService<ITokenCache>();

    /// <param name="store">Where the ledger is.</param>
    /// <param name="lease">How long a token stays active.</param>
    /// <param name="failpoint">Strikes in ledger and journal; null for none.</param>
    /// <param name="size">Tokens in the pool.</param>
    /// <param name="discovery">How it finds the other nodes of its database; not at all without it.</param>
    /// <param name="config">Wins over the product's.</param>
    public static async Task<InProcessNode> StartAsync(
        Store store, TimeSpan lease, Failpoint? failpoint = null, int size = 3, ClusterDiscovery discovery = ClusterDiscovery.None,
        string config = "")
    {
        var pool = new PoolSettings { Size = size, Lease = lease, SweepInterval = TimeSpan.FromSeconds(1) };
        var cluster = new ClusterSettings { Port = 0, Discovery = discovery };
        var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<IHostApplicationLifetime, EndlessLifetime>()
            .AddSingleton<ITokenRenderer, TextRenderer>()
            .AddTokenManagerServices(pool, cluster, store, "1.0")
            .AddAkka("token-manager", (akka, _) =>
            {
                akka.AddTokenManager(pool, cluster, store, "1.0").AddHocon(config, HoconAddMode.Prepend);
                if (failpoint is null) return;
                akka.AddSetup(new FailpointSetup(failpoint));
                akka.AddHocon(
                    $"akka.persistence.journal.sql.class = \"{typeof(FailingJournal).AssemblyQualifiedName}\"",
                    HoconAddMode.Prepend);
            });
        if (failpoint is not null)
        {
            services.AddSingleton<ILedger>(provider => new FailingLedger(
                Ledgers.Create(store, provider.GetRequiredService<TimeProvider>()), failpoint));
        }

        var node = new InProcessNode(services.BuildServiceProvider());
        foreach (var part in node._services.GetServices<IHostedService>()) await part.StartAsync(CancellationToken.None);
        await Eventually.Async(
            async () => await node._services.GetRequiredService<IPoolMonitor>()
                .ReadStatusAsync(CancellationToken.None) is not null,
            TimeSpan.FromSeconds(20),
            expression: "the pool is here");
        return node;
    }

    /// <summary>Ends every actor where it stands; nothing is handed over and nothing is flushed.</summary>
    public Task EndAbruptlyAsync()
    {
        var system = _services.GetRequiredService<ActorSystem>();
        ((ExtendedActorSystem)system).Abort();
        return system.WhenTerminated.WaitAsync(TimeSpan.FromSeconds(20));
    }

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        foreach (var part in _services.GetServices<IHostedService>().Reverse()) await part.StopAsync(limit.Token);
        await _services.DisposeAsync();
    }

    private sealed class EndlessLifetime : IHostApplicationLifetime
    {
        public CancellationToken ApplicationStarted => CancellationToken.None;

        public CancellationToken ApplicationStopping => CancellationToken.None;

        public CancellationToken ApplicationStopped => CancellationToken.None;

        public void StopApplication()
        {
        }
    }
}
