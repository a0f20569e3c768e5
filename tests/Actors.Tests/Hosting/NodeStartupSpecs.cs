using Akka.Actor;
using Akka.Cluster;
using Akka.Persistence;
using Akka.Persistence.TestKit;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using TokenManager.Actors.Hosting;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Hosting;

/// <summary>A node's start on a real ledger, and on a journal that is watched and can fail.</summary>
public sealed class NodeStartupSpecs : FaultyPersistence, IAsyncLifetime
{
    private const string Config =
        """
        akka {
          loglevel = OFF
          stdout-loglevel = OFF
          actor.provider = cluster
          remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0 }
        }
        """;

    // The first round is without events, and one comes alone after it.
    private const int WarmUps = 1 + (NodeStartup.WarmUpsAtOnce * (NodeStartup.WarmUpRounds - 1));

    private readonly TemporaryFolder _folder = new();
    private readonly Store _store;
    private readonly IOwnedLedger _ledger;

    public NodeStartupSpecs()
        : base(Config)
    {
        _store = new Store.Sqlite(_folder.File("tokens.db"));
        _ledger = Ledgers.Create(_store, TimeProvider.System);
    }

    public async Task InitializeAsync()
    {
        await LedgerMigrations.ApplyAsync(_store, CancellationToken.None);
        await _ledger.DeclarePoolAsync(2, "1.0", CancellationToken.None);
    }

    public async Task DisposeAsync()
    {
        await Sys.Terminate();
        await _ledger.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_node_has_read_what_a_token_has_journaled_before_it_joins()
    {
        await JournalAsync(await LendAsync());
        var reads = new Reads(Sys);

        await WithJournalRecovery(read => read.SetInterceptorAsync(reads), JoinAsync);

        Assert.Equal(WarmUps, reads.ReadBeforeJoining);
    }

    [Fact]
    public async Task A_first_recovery_that_fails_is_tried_again_before_the_node_joins()
    {
        await JournalAsync(await LendAsync());
        var reads = new Reads(Sys) { Failures = 2 };

        await WithJournalRecovery(read => read.SetInterceptorAsync(reads), JoinAsync);

        Assert.Equal(0, reads.Failures);
        Assert.Equal(WarmUps, reads.ReadBeforeJoining);
    }

    [Fact]
    public Task A_node_joins_when_no_token_was_lent_yet() => JoinAsync();

    [Fact]
    public async Task A_node_that_is_told_to_go_while_it_warms_up_does_not_join_and_has_not_failed()
    {
        await JournalAsync(await LendAsync());
        var lifetime = new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance);
        using var startup = Startup(lifetime);
        var stuck = new Stuck();

        await WithJournalRecovery(read => read.SetInterceptorAsync(stuck), async () =>
        {
            await startup.StartAsync(CancellationToken.None);
            await stuck.Reached.WaitAsync(TimeSpan.FromSeconds(30));
            lifetime.StopApplication();
            await startup.ExecuteTask!.WaitAsync(TimeSpan.FromSeconds(5));
            stuck.LetGo();
        });

        Assert.Equal(MemberStatus.Removed, Cluster.Get(Sys).SelfMember.Status);
    }

    private NodeStartup Startup(IHostApplicationLifetime lifetime) => new(
        Sys,
        _ledger,
        _store,
        new PoolSettings { Size = 2 },
        "1.0",
        formation: null,
        TimeProvider.System,
        lifetime,
        NullLogger<NodeStartup>.Instance);

    private async Task JoinAsync()
    {
        using var startup = Startup(new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance));
        await startup.StartAsync(CancellationToken.None);
        await AwaitAssertAsync(() => Assert.Equal(MemberStatus.Up, Cluster.Get(Sys).SelfMember.Status), TimeSpan.FromSeconds(30));
        await startup.StopAsync(CancellationToken.None);
    }

    private async Task<Guid> LendAsync()
    {
        var token = (await _ledger.LoadPoolAsync(CancellationToken.None)).Tokens[1].TokenId;
        Assert.IsType<OpenResult.Found>(
            await _ledger.OpenAsync(new OpenUsage(Guid.NewGuid(), token, Guid.NewGuid(), 1, TimeSpan.FromMinutes(2))));
        return token;
    }

    private async Task JournalAsync(Guid token)
    {
        var writer = Sys.ActorOf(Props.Create(() => new Writer(TokenActor.PersistenceIdOf(token))));
        await WatchAsync(writer);
        writer.Tell("an event");
        await ExpectTerminatedAsync(writer);
    }

    /// <summary>Holds every read until it is let go.</summary>
    private sealed class Stuck : IJournalInterceptor
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _let = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Reached => _reached.Task;

        public void LetGo() => _let.SetResult();

        public Task InterceptAsync(IPersistentRepresentation message)
        {
            _reached.TrySetResult();
            return _let.Task;
        }
    }

    /// <summary>Counts what is read of the journal while the node is not in a cluster, and fails the first ones.</summary>
    private sealed class Reads(ActorSystem system) : IJournalInterceptor
    {
        public int Failures { get; set; }

        public int ReadBeforeJoining { get; private set; }

        public Task InterceptAsync(IPersistentRepresentation message)
        {
            if (Failures > 0)
            {
                Failures--;
                throw new TestJournalFailureException("As told.");
            }

            if (Cluster.Get(system).SelfMember.Status is not (MemberStatus.Joining or MemberStatus.Up))
                ReadBeforeJoining++;
            return Task.CompletedTask;
        }
    }

    private sealed class Writer(string persistenceId) : UntypedPersistentActor
    {
        public override string PersistenceId => persistenceId;

        protected override void OnRecover(object message)
        {
        }

        protected override void OnCommand(object message) => Persist(message, _ => Context.Stop(Self));
    }
}
