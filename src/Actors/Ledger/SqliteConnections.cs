using Microsoft.Data.Sqlite;

namespace TokenManager.Actors.Ledger;

/// <summary>Opens SQLite connections that keep to the ledger's rules.</summary>
internal static class SqliteConnections
{
    private const int BusyTimeoutInMilliseconds = 2500;

    // The driver sleeps 150 ms at a time while the database is busy, until this is over. SQLite has waited longer by
    // then, in much smaller steps.
    private const int CommandTimeoutInSeconds = 2;

    /// <summary>Makes the folder and the file if they are missing.</summary>
    internal static SqliteConnection Open(string path, TimeProvider timeProvider, bool pooled)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path));
        if (folder is not null)
            Directory.CreateDirectory(folder);

        var connection = new SqliteConnection(ConnectionString(path, pooled));
        try
        {
            connection.CreateFunction("clock_timestamp", () => ToMicroseconds(timeProvider.GetUtcNow()));
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText =
                $"""
                pragma busy_timeout = {BusyTimeoutInMilliseconds};
                pragma journal_mode = wal;
                pragma synchronous = full;
                """;
            command.ExecuteNonQuery();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    internal static string ConnectionString(string path, bool pooled) => new SqliteConnectionStringBuilder
    {
        DataSource = path,
        ForeignKeys = true,
        Pooling = pooled,
        DefaultTimeout = CommandTimeoutInSeconds,
    }.ToString();

    internal static long ToMicroseconds(DateTimeOffset time) =>
        (time - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
}
