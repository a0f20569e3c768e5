using System.Collections.Concurrent;
using System.Runtime.Serialization;
using System.Text;
using Akka;
using Akka.Actor;
using Akka.Hosting;
using Akka.Persistence;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TokenManager.Actors.Cache;
using TokenManager.Actors.Hosting;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Serialization;
using TokenManager.Actors.Tests.Model;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Serialization;

/// <summary>A node with the product's own configuration, in this process.</summary>
public sealed class WholeNodeSpecs : IAsyncLifetime, IDisposable
{
    private static readonly TimeSpan InTime = TimeSpan.FromSeconds(20);
    private readonly TemporaryFolder _folder = new();
    private readonly ConcurrentQueue<string> _errors = [];
    private readonly IHost _host;

    public WholeNodeSpecs()
    {
        var pool = new PoolSettings { Size = 5 };
        var cluster = new ClusterSettings { Port = 0 };
        var store = new Store.Sqlite(_folder.File("node.db"));
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders().AddProvider(new ErrorsTo(_errors));
        builder.Services
            .AddSingleton(TimeProvider.System)
            .AddSingleton<ITokenRenderer, TextRenderer>()
            .AddTokenManagerServices(pool, cluster, store, "0.0.1")
            .AddAkka("token-manager", akka => akka
                .ConfigureLoggers(loggers => loggers.ClearLoggers().AddLoggerFactory())
                .AddTokenManager(pool, cluster, store, "1.0"));
        _host = builder.Build();
    }

    private ActorSystem Sys => _host.Services.GetRequiredService<ActorSystem>();

    public Task InitializeAsync() => _host.StartAsync();

    async Task IAsyncLifetime.DisposeAsync()
    {
        await _host.StopAsync();
    }

    public void Dispose()
    {
        _host.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_pool_of_a_node_that_goes_has_made_way_before_the_shards_go()
    {
        await PrimedAsync();
        var pool = _host.Services.GetRequiredService<IReadOnlyActorRegistry>().Get<TokenPoolActor>();
        object? answer = null;
        CoordinatedShutdown.Get(Sys).AddTask(
            CoordinatedShutdown.PhaseClusterShardingShutdownRegion,
            "ask the pool",
            async () =>
            {
                var request = new PoolRequest.ActivateToken(Make.User(1), Make.Usage(1), CallerChoseUsageId: false);
                answer = await pool.Ask<object>(request, InTime);
                return Done.Instance;
            });
        await _host.StopAsync();
        Assert.IsType<PoolAnswer.Moved>(answer);
    }

    [Fact]
    public async Task A_token_recovers_while_something_else_writes()
    {
        await PrimedAsync();
        await using var other = new SqliteConnection($"Data Source={_folder.File("node.db")}");
        await other.OpenAsync();
        await using var transaction = other.BeginTransaction();
        var recovered = new TaskCompletionSource();
        Sys.ActorOf(Props.Create(() => new Recovering(recovered)));
        await recovered.Task.WaitAsync(InTime);
    }

    private async Task<ITokenCache> PrimedAsync()
    {
        var cache = _host.Services.GetRequiredService<ITokenCache>();
        await Eventually.Async(() => cache.IsPrimed, InTime, () => string.Join('\n', _errors));
        return cache;
    }

    // As a client does: a cold node on a busy machine may say that it does not know yet.
    private static async Task<Usage> GrantAsync(ITokenGateway gateway, int user)
    {
        ActivateResult answer = new ActivateResult.Unavailable(OutcomeUnknown: true);
        await Eventually.Async(
            async () =>
            {
                answer = await gateway.ActivateAsync(Make.User(user), Make.Usage(user), default);
                return answer is not ActivateResult.Unavailable;
            },
            InTime,
            () => answer.ToString());
        return Assert.IsType<ActivateResult.Granted>(answer).Usage;
    }

    [Fact]
    public async Task A_whole_life_of_tokens_needs_nothing_that_the_journal_refuses_and_warns_of_nothing()
    {
        var gateway = _host.Services.GetRequiredService<ITokenGateway>();
        var cache = await PrimedAsync();
        var grants = new List<Usage>();
        for (var user = 1; user <= 5; user++)
            grants.Add(await GrantAsync(gateway, user));
        Assert.IsType<ActivateResult.PoolExhausted>(await gateway.ActivateAsync(Make.User(6), null, default));
        Assert.IsType<ActivateResult.UserAlreadyActive>(await gateway.ActivateAsync(Make.User(1), null, default));
        Assert.Equal(grants[0], Assert.IsType<ActivateResult.Granted>(await gateway.ActivateAsync(Make.User(1), Make.Usage(1), default)).Usage);
        Assert.IsType<ReleaseResult.Released>(await gateway.ReleaseAsync(grants[0].TokenId, Make.Usage(1), default));
        Assert.IsType<ReleaseResult.UsageMismatch>(await gateway.ReleaseAsync(grants[0].TokenId, Make.Usage(99), default));
        Assert.Equal(new ClearResult.Cleared(4), await gateway.ClearAsync(default));
        Assert.EndsWith("]0/5", Encoding.UTF8.GetString(cache.List(TokenFilter.All).Body.Span), StringComparison.Ordinal);
        Assert.IsType<HistoryResult.Page>(await gateway.ReadHistoryAsync(grants[0].TokenId, null, 10, default));
        Assert.Equal(5, (await _host.Services.GetRequiredService<IPoolMonitor>().ReadStatusAsync(default))!.Free);
        Assert.Empty(_errors);
    }

    [Fact]
    public void Everything_of_ours_is_written_by_the_wire_serializer_and_anything_else_is_refused()
    {
        var serialization = ((ExtendedActorSystem)Sys).Serialization;
        foreach (var type in typeof(IWireMessage).Assembly.GetTypes().Where(type => type.IsAssignableTo(typeof(IWireMessage))))
            Assert.IsType<WireSerializer>(serialization.FindSerializerForType(type));
        Assert.IsType<RefusingSerializer>(serialization.FindSerializerFor(new object()));
        Assert.IsType<RefusingSerializer>(serialization.FindSerializerFor(new { Some = "type" }));
        Assert.IsType<RefusingSerializer>(serialization.FindSerializerFor(new List<int>()));
        Assert.Throws<SerializationException>(() => serialization.FindSerializerFor(new object()).ToBinary(new object()));
    }

    [Fact]
    public void The_replay_filter_is_off_because_its_writer_id_is_the_nodes() =>
        Assert.Equal("off", Sys.Settings.Config.GetString("akka.persistence.journal.sql.replay-filter.mode"));

    private sealed class Recovering(TaskCompletionSource recovered) : UntypedPersistentActor
    {
        public override string PersistenceId => "recovers-beside-a-writer";

        protected override void OnRecover(object message)
        {
            if (message is RecoveryCompleted)
                recovered.TrySetResult();
        }

        protected override void OnRecoveryFailure(Exception reason, object? message = null) => recovered.TrySetException(reason);

        protected override void OnCommand(object message) => Unhandled(message);
    }

    private sealed class ErrorsTo(ConcurrentQueue<string> errors) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose() { }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                errors.Enqueue($"{formatter(state, exception)} {exception?.GetBaseException().Message}");
        }
    }
}
