using Npgsql;

namespace TokenManager.Actors.Formation;

/// <summary>
/// Connections for what nodes tell each other through PostgreSQL. Few, and apart from the ledger's: under load a sign of
/// life must not wait behind activations.
/// </summary>
internal sealed class ClusterDatabase : IAsyncDisposable
{
    private const int LimitInSeconds = 2;
    private const int MaxConnections = 4;
    private const int KeepAliveInSeconds = 10;

    private readonly NpgsqlDataSource _dataSource;

    public ClusterDatabase(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            ApplicationName = "token-manager-cluster",
            Timeout = LimitInSeconds,
            CommandTimeout = LimitInSeconds,
            CancellationTimeout = -1,
            KeepAlive = KeepAliveInSeconds,
            MaxPoolSize = MaxConnections,
            NoResetOnClose = true,
        };
        settings.Options = $"{settings.Options} -c lock_timeout=1500 -c jit=off".TrimStart();
        _dataSource = NpgsqlDataSource.Create(settings);
    }

    /// <summary>Runs one statement and reads its first row.</summary>
    /// <returns>Null if there is no row.</returns>
    /// <exception cref="NpgsqlException">The database did not answer within 2 s, or refused.</exception>
    public async Task<T?> QueryRowAsync<T>(
        string statement, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken, params object[] parameters)
        where T : struct
    {
        await using var command = Command(statement, parameters);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? read(reader) : null;
    }

    /// <summary>Runs one statement and reads all of its rows.</summary>
    /// <inheritdoc cref="QueryRowAsync" path="/exception"/>
    public async Task<IReadOnlyList<T>> QueryAsync<T>(
        string statement, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken, params object[] parameters)
    {
        await using var command = Command(statement, parameters);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken))
            rows.Add(read(reader));
        return rows;
    }

    /// <summary>Runs one statement.</summary>
    /// <returns>Whether it changed anything.</returns>
    /// <inheritdoc cref="QueryRowAsync" path="/exception"/>
    public async Task<bool> ChangeAsync(string statement, CancellationToken cancellationToken, params object[] parameters)
    {
        await using var command = Command(statement, parameters);
        return await command.ExecuteNonQueryAsync(cancellationToken) > 0;
    }

    public ValueTask DisposeAsync() => _dataSource.DisposeAsync();

    private NpgsqlCommand Command(string statement, object[] parameters)
    {
        var command = _dataSource.CreateCommand(statement);
        foreach (var parameter in parameters)
            command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        return command;
    }
}
