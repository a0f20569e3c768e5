using System.Globalization;
using Akka.Actor;
using Akka.Cluster.Hosting;
using Akka.Cluster.Sharding;
using Akka.Cluster.Tools.PublishSubscribe;
using Akka.Configuration;
using Akka.Event;
using Akka.Hosting;
using Akka.Persistence.Sql;
using Akka.Persistence.Sql.Config;
using Akka.Remote.Hosting;
using Akka.Remote.Transport.DotNetty;
using LinqToDB;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using TokenManager.Actors.Cache;
using TokenManager.Actors.Formation;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Management;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tls;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Hosting;

/// <summary>Puts the pool, its tokens and its cache into an actor system, as a list of parts.</summary>
public static class TokenManagerHosting
{
    private const int JournalConnections = 20;
    private const int PreparedStatements = 20;

    /// <summary>
    /// Registers the ledger, the read cache, the gateway, what operators use, and what brings the node into its cluster. Needs an
    /// <see cref="ITokenRenderer"/> and a <see cref="TimeProvider"/> to be registered as well, and the actors of
    /// <see cref="AddTokenManager"/>.
    /// </summary>
    public static IServiceCollection AddTokenManagerServices(
        this IServiceCollection services, PoolSettings pool, ClusterSettings cluster, Store store, string appVersion) => services
        .AddFormation(cluster, store)
        .AddSingleton<ILedger>(provider => Ledgers.Create(store, provider.GetRequiredService<TimeProvider>()))
        .AddSingleton(provider => new TokenCache(provider.GetRequiredService<ITokenRenderer>()))
        .AddSingleton<ITokenCache>(provider => provider.GetRequiredService<TokenCache>())
        .AddSingleton(provider =>
        {
            var actors = provider.GetRequiredService<IReadOnlyActorRegistry>();
            return new TokenGateway(
                actors.Get<TokenPoolActor>(),
                actors.Get<TokenCacheActor>(),
                provider.GetRequiredService<TokenCache>(),
                provider.GetRequiredService<ILedger>(),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<TokenGateway>>());
        })
        .AddSingleton<ITokenGateway>(provider => provider.GetRequiredService<TokenGateway>())
        .AddSingleton<IPoolMonitor>(provider => provider.GetRequiredService<TokenGateway>())
        .AddSingleton<ITokenManagement>(provider => new TokenManagement(
            provider.GetRequiredService<ITokenGateway>(),
            provider.GetRequiredService<IPoolMonitor>(),
            provider.GetRequiredService<TokenCache>(),
            provider.GetRequiredService<ILogger<TokenManagement>>()))
        .AddSingleton<IClusterManagement>(provider => new ClusterManagement(
            provider.GetRequiredService<ActorSystem>(),
            provider.GetRequiredService<ILogger<ClusterManagement>>()))
        .AddHostedService(provider => new NodeStartup(
            provider.GetRequiredService<ActorSystem>(),
            provider.GetRequiredService<ILedger>(),
            store,
            pool,
            appVersion,
            provider.GetService<ClusterFormation>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<IHostApplicationLifetime>(),
            provider.GetRequiredService<ILogger<NodeStartup>>()));

    /// <summary>Adds everything that one node runs. The node joins no cluster by itself.</summary>
    public static AkkaConfigurationBuilder AddTokenManager(
        this AkkaConfigurationBuilder builder, PoolSettings pool, ClusterSettings cluster, Store store, string appVersion) =>
        builder
        .AddHocon(ProductConfig(), HoconAddMode.Prepend)
        .AddClusterNode(cluster, appVersion)
        .AddJournal(store)
        .AddTokens()
        .AddPool(pool)
        .AddCache();

    private static IServiceCollection AddFormation(
        this IServiceCollection services, ClusterSettings cluster, Store store)
    {
        if (cluster.Discovery is ClusterDiscovery.None)
            return services;

        if (store is not Store.Postgres(var connectionString))
            throw new ArgumentException("Nodes find each other through PostgreSQL only.", nameof(store));

        return services
            .AddSingleton(_ => new ClusterDatabase(connectionString))
            .AddSingleton<ClusterRegistry>()
            .AddSingleton<PostgresLeases>()
            .AddSingleton(provider => new ClusterFormation(
                provider.GetRequiredService<ActorSystem>(),
                provider.GetRequiredService<ClusterRegistry>(),
                cluster,
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<ClusterFormation>>()));
    }

    internal static Config ProductConfig()
    {
        using var stream = typeof(TokenManagerHosting).Assembly.GetManifestResourceStream("tokenmanager.conf")!;
        using var reader = new StreamReader(stream);
        return ConfigurationFactory.ParseString(reader.ReadToEnd());
    }

    private static AkkaConfigurationBuilder AddClusterNode(
        this AkkaConfigurationBuilder builder, ClusterSettings settings, string appVersion) => builder
        .WithRemoting(new RemoteOptions { HostName = settings.Hostname, Port = settings.Port })
        .AddTls(settings.Tls)
        .WithClustering()
        .WithDistributedPubSub(role: string.Empty)
        .AddHocon(
            string.Create(
                CultureInfo.InvariantCulture,
                $$"""
                akka.cluster {
                  app-version = "{{appVersion}}"
                  split-brain-resolver {
                    active-strategy = {{(settings.Discovery is ClusterDiscovery.None ? "keep-majority" : "lease-majority")}}
                    stable-after = {{settings.StableAfter.TotalMilliseconds}}ms
                  }
                }
                """),
            HoconAddMode.Prepend);

    private static AkkaConfigurationBuilder AddTls(this AkkaConfigurationBuilder builder, ClusterTls? tls)
    {
        if (tls is null) return builder;

        return builder
            .AddSetup(new ClusterTlsSetup(tls))
            .AddSetup(new DotNettySslSetup(
                tls.Certificate,
                suppressValidation: false,
                requireMutualAuthentication: true,
                customValidator: (certificate, chain, peer, _, log) =>
                {
                    var problem = certificate is null
                        ? "is missing"
                        : tls.Problem(certificate, chain?.ChainPolicy.ExtraStore);
                    if (problem is not null)
                        log.Warning("{0} is kept out: its certificate {1} {2}", peer, certificate?.Subject, problem);
                    return problem is null;
                }))
            .AddHocon(HandshakeFirstTransport.Settings, HoconAddMode.Prepend);
    }

    // Each recovery has a connection to itself. A process that is still compiling is done with twenty later than with eight, and
    // each connection is one more that must be opened then.
    private static int ConcurrentRecoveries => Math.Min(4 * Environment.ProcessorCount, JournalConnections);

    private static AkkaConfigurationBuilder AddJournal(this AkkaConfigurationBuilder builder, Store store)
    {
        // Given as a setup, not as HOCON: nothing that prints the configuration prints a password.
        var options = store switch
        {
            Store.Postgres(var connectionString) => new DataOptions().UseConnectionString(
                ProviderName.PostgreSQL15,
                JournalConnectionString(connectionString)),
            Store.Sqlite(var path) => new DataOptions()
                .UseConnectionString(
                    ProviderName.SQLiteMS,
                    new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 3 }.ConnectionString)
                .UseInterceptor(new SqlitePragmas()),
            _ => throw new ArgumentOutOfRangeException(nameof(store)),
        };
        builder.AddSetup(new DataOptionsSetup(options));
        if (store is Store.Sqlite)
            builder.AddHocon(
                """
                akka.persistence {
                  journal.sql.parallelism = 1
                  # A transaction that only reads takes no lock: as any other, it would wait for each one that writes.
                  journal.sql.read-isolation-level = read-uncommitted
                  snapshot-store.sql.read-isolation-level = read-uncommitted
                }
                """,
                HoconAddMode.Prepend);
        return builder
            .AddHocon(
                string.Create(
                    CultureInfo.InvariantCulture, $"akka.persistence.max-concurrent-recoveries = {ConcurrentRecoveries}"),
                HoconAddMode.Prepend)
            .AddHocon(SqlPersistence.DefaultConfiguration, HoconAddMode.Append);
    }

    private static string JournalConnectionString(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            ApplicationName = "token-manager-journal",
            Timeout = 3,
            CommandTimeout = 3,
            // Past its limit a connection is cut without waiting for the server.
            CancellationTimeout = -1,
            // The driver blocks a thread for each statement that a frozen server does not answer: see the node's
            // WorkerThreads.
            MaxPoolSize = JournalConnections,
            // The next failover needs at once what has been idle since the last one, and the driver would close after five
            // minutes, or something on the way would forget.
            MinPoolSize = ConcurrentRecoveries,
            MaxAutoPrepare = PreparedStatements,
            // What the driver would reset between two uses would take the prepared statements with it.
            NoResetOnClose = true,
        };

        // The driver does not connect over a Unix socket that is to be kept alive.
        if (!IsUnixSocket(settings.Host))
        {
            settings.TcpKeepAlive = true;
            settings.TcpKeepAliveTime = 30;
        }

        // The journal writes in transactions. A node that is paused in the middle of one must not keep the others' writes
        // to the same tokens waiting until it goes on.
        settings.Options =
            $"{settings.Options} -c idle_in_transaction_session_timeout=1000 -c lock_timeout=2500".TrimStart();
        return settings.ConnectionString;
    }

    // As the driver tells them: a folder, or a name in the abstract namespace.
    private static bool IsUnixSocket(string? host) => host is not null && (host.StartsWith('/') || host.StartsWith('@'));

    private static AkkaConfigurationBuilder AddTokens(this AkkaConfigurationBuilder builder) => builder
        .WithShardRegion<TokenActor>(
            TokenSharding.TypeName,
            (system, registry, resolver) =>
            {
                var ledger = resolver.GetService<ILedger>();
                var time = resolver.GetService<TimeProvider>();
                var mediator = DistributedPubSub.Get(system).Mediator;
                return entityId => TokenActor.Props(
                    Guid.Parse(entityId), ledger, registry.Get<TokenPoolActor>(), mediator, time, TokenSharding.IdleAfter);
            },
            new TokenSharding(),
            new ShardOptions { HandOffStopMessage = StopToken.Instance, StateStoreMode = StateStoreMode.DData });

    private static AkkaConfigurationBuilder AddPool(this AkkaConfigurationBuilder builder, PoolSettings settings)
    {
        var departure = new PoolDeparture();
        return builder
            .WithSingleton<TokenPoolActor>(
                PoolDeparture.SingletonName,
                (_, registry, resolver) => TokenPoolActor.Props(
                    settings,
                    resolver.GetService<ILedger>(),
                    resolver.GetService<TimeProvider>(),
                    registry.Get<TokenActor>(),
                    departure),
                new ClusterSingletonOptions { TerminationMessage = HandOver.Instance })
            .AddStartup((system, _) => departure.Prepare(system))
            .WithActors((system, registry, resolver) => system.ActorOf(
                StrayRequestsActor.Props(registry.Get<TokenActor>(), resolver.GetService<TimeProvider>()), "stray-requests"));
    }

    private static AkkaConfigurationBuilder AddCache(this AkkaConfigurationBuilder builder) => builder
        .WithActors((system, registry, resolver) => registry.Register<TokenCacheActor>(system.ActorOf(
            TokenCacheActor.Props(
                resolver.GetService<TokenCache>(),
                resolver.GetService<TimeProvider>(),
                registry.Get<TokenPoolActor>(),
                registry.Get<TokenActor>()),
            "token-cache")));
}
