using Npgsql;
using TokenManager.Actors.Formation;
using TokenManager.Actors.Ledger;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Formation;

/// <summary>The cluster's tables in a database of their own, and a hand that moves their time.</summary>
public abstract class ClusterTables : IAsyncLifetime
{
    private string _connectionString = "";

    internal ClusterDatabase Database { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        _connectionString = await (await PrivatePostgres.SharedAsync()).CreateDatabaseAsync();
        await LedgerMigrations.ApplyAsync(new Store.Postgres(_connectionString), CancellationToken.None);
        Database = new ClusterDatabase(_connectionString);
    }

    public async Task DisposeAsync() => await Database.DisposeAsync();

    /// <summary>As if nobody had given a sign of life for a minute.</summary>
    protected async Task LetEverybodyFallSilentAsync()
    {
        await Database.ChangeAsync("update cluster set alive_until = clock_timestamp() - interval '1 min'", default);
        await Database.ChangeAsync("update cluster_nodes set alive_until = clock_timestamp() - interval '1 min'", default);
    }

    /// <summary>As if the database's clock had been an hour ahead until now.</summary>
    protected async Task SetTheClockBackAsync()
    {
        await Database.ChangeAsync("update cluster set alive_until = alive_until + interval '1 h'", default);
        await Database.ChangeAsync("update cluster_nodes set alive_until = alive_until + interval '1 h'", default);
        await Database.ChangeAsync("update coordination_leases set held_until = held_until + interval '1 h'", default);
    }

    /// <summary>As if the lease had run out.</summary>
    protected Task LetLeasesRunOutAsync() =>
        Database.ChangeAsync("update coordination_leases set held_until = clock_timestamp() - interval '1 s'", default);

    /// <summary>Makes every statement on the cluster's tables wait until it is disposed.</summary>
    protected async Task<IAsyncDisposable> LockLeasesAsync()
    {
        var connection = new NpgsqlConnection(_connectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("begin; lock coordination_leases", connection);
        await command.ExecuteNonQueryAsync();
        return connection;
    }
}
