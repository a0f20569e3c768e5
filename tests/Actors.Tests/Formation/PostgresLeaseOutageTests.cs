using Akka.Coordination;
using TokenManager.Actors.Formation;
using TokenManager.Actors.Ledger;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Formation;

/// <summary>What the split brain resolver hears while the server is frozen: connections stay, answers do not come.</summary>
public sealed class PostgresLeaseOutageTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private PrivatePostgres Server { get; set; } = null!;

    private ClusterDatabase Database { get; set; } = null!;

    public async Task InitializeAsync()
    {
        Server = await PrivatePostgres.StartAsync(durable: false);
        var connectionString = await Server.CreateDatabaseAsync();
        await LedgerMigrations.ApplyAsync(new Store.Postgres(connectionString), CancellationToken.None);
        Database = new ClusterDatabase(connectionString);
    }

    public async Task DisposeAsync()
    {
        await Database.DisposeAsync();
        await Server.DisposeAsync();
    }

    [Fact]
    public async Task Whoever_asks_or_gives_back_is_told_that_it_failed_and_not_that_it_was_cancelled()
    {
        var (holder, other) = (Lease("a"), Lease("b"));
        Assert.True(await holder.Acquire());
        Assert.False(await other.Acquire());
        await Server.PauseAsync();

        Task<bool>[] calls = [other.Acquire(), other.Acquire(_ => { }), holder.Release()];
        await Task.WhenAny(Task.WhenAll(calls)).WaitAsync(Patience);
        await Server.ContinueAsync();

        Assert.All(calls, call => Assert.True(call.IsFaulted, $"{call.Status}"));
        Assert.False(holder.CheckLease());
        Assert.False(other.CheckLease());
        await Eventually.Async(other.Acquire, Patience);
    }

    // It gives up before the database's own limits do, as in the product.
    private PostgresLease Lease(string owner) => new(
        new LeaseSettings(
            "lease",
            owner,
            new TimeoutSettings(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(1)),
            Akka.Configuration.Config.Empty),
        new PostgresLeases(Database),
        new TaskCompletionSource().Task);
}
