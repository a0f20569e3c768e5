using System.Diagnostics;
using DbUp;
using DbUp.Builder;
using Npgsql;

namespace TokenManager.Actors.Ledger;

/// <summary>Makes the tables of ledger, journal and snapshots, or brings them up to date.</summary>
public static class LedgerMigrations
{
    // One lock for all nodes; the number stands for nothing else.
    private const long AdvisoryLock = 0x746f6b656e73;
    private const int ConnectLimitInSeconds = 3;
    private const int CommandLimitInSeconds = 30;

    // Nobody waits for an index that is made while others write, and of a large table that takes long.
    private const int ConcurrentLimitInSeconds = 3600;

    private static readonly TimeSpan LockRetryDelay = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// Applies what has not been applied yet. Safe from several nodes at once: one does it, the others wait for it.
    /// </summary>
    /// <exception cref="LedgerUnavailableException">The database cannot be reached now; try again.</exception>
    public static async Task ApplyAsync(Store store, CancellationToken cancellationToken)
    {
        switch (store)
        {
            case Store.Postgres(var connectionString):
                await ApplyToPostgresAsync(connectionString, cancellationToken);
                break;
            case Store.Sqlite(var path):
                await ApplyToSqliteAsync(path, cancellationToken);
                break;
            default:
                throw new UnreachableException();
        }
    }

    private static async Task ApplyToPostgresAsync(string connectionString, CancellationToken cancellationToken)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            ApplicationName = "token-manager-migrations",
            Pooling = false,
            Timeout = ConnectLimitInSeconds,
            CommandTimeout = CommandLimitInSeconds,
        };
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            throw new LedgerUnavailableException(outcomeUnknown: false, e);
        }

        try
        {
            await LockDatabaseAsync(connection, cancellationToken);
            await UpgradeAsync(
                DeployChanges.To.PostgresqlDatabase(settings.ConnectionString).WithTransactionPerScript(),
                "Postgres",
                cancellationToken);
            settings.CommandTimeout = ConcurrentLimitInSeconds;
            await UpgradeAsync(
                DeployChanges.To.PostgresqlDatabase(settings.ConnectionString).WithoutTransaction(),
                "Postgres.Concurrent",
                cancellationToken);
        }
        catch (Exception e) when (
            !cancellationToken.IsCancellationRequested && PostgresFailures.Classify(e) != Failure.Defect)
        {
            throw new LedgerUnavailableException(outcomeUnknown: true, e);
        }
    }

    private static async Task ApplyToSqliteAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            // Makes the folder, and the file with the journal mode that it keeps.
            await using var connection = SqliteConnections.Open(path, TimeProvider.System, pooled: false);
            await using var turn = await LockFileAsync(path + ".lock", cancellationToken);
            await UpgradeAsync(
                DeployChanges.To
                    .SqliteDatabase(SqliteConnections.ConnectionString(path, pooled: false))
                    .WithTransactionPerScript(),
                "Sqlite",
                cancellationToken);
        }
        catch (Exception e) when (
            !cancellationToken.IsCancellationRequested && SqliteFailures.Classify(e) != Failure.Defect)
        {
            throw new LedgerUnavailableException(outcomeUnknown: true, e);
        }
    }

    // Held by this session, so it ends with this process at the latest. Whoever waited for it within a statement would have a
    // snapshot, for whose end the making of an index waits, and so would both.
    private static async Task LockDatabaseAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"select pg_try_advisory_lock({AdvisoryLock})", connection);
        while (await command.ExecuteScalarAsync(cancellationToken) is not true)
            await Task.Delay(LockRetryDelay, cancellationToken);
    }

    // The file stays: if it were deleted, somebody could still be waiting for it while somebody else makes a new one.
    private static async Task<FileStream> LockFileAsync(string path, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException)
            {
                await Task.Delay(LockRetryDelay, cancellationToken);
            }
        }
    }

    private static async Task UpgradeAsync(UpgradeEngineBuilder database, string folder, CancellationToken cancellationToken)
    {
        // The folders in it are not meant.
        var first = $"{typeof(LedgerMigrations).Namespace}.Migrations.{folder}.0";
        var engine = database
            .WithScriptsEmbeddedInAssembly(
                typeof(LedgerMigrations).Assembly,
                name => name.StartsWith(first, StringComparison.Ordinal))
            .WithVariablesDisabled()
            .LogToNowhere()
            .Build();
        // A script cannot be told to end, and a node that is told to shall not wait for an index: that ends with the process.
        var result = await Task.Run(engine.PerformUpgrade, CancellationToken.None).WaitAsync(cancellationToken);
        if (!result.Successful)
            throw result.Error;
    }
}
