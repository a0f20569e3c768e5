using Npgsql;
using TokenManager.Actors.Ledger;

namespace TokenManager.Faults.Node;

/// <summary>Statements that the product would never send, on connections of their own.</summary>
internal sealed class Database : IAsyncDisposable
{
    private const int LimitInSeconds = 3;
    private const int MaxConnections = 5;

    private readonly NpgsqlDataSource _dataSource;

    private Database(string connectionString) => _dataSource = NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(connectionString)
        {
            ApplicationName = "token-manager-defect",
            Timeout = LimitInSeconds,
            CommandTimeout = LimitInSeconds,
            MaxPoolSize = MaxConnections,
        });

    public static Database Of(Store store) => store is Store.Postgres(var connectionString)
        ? new Database(connectionString)
        : throw new InvalidOperationException("This defect can be planted in a PostgreSQL database only.");

    /// <summary>Opens a usage without any of the ledger's guards; what the tables themselves refuse is not opened.</summary>
    /// <param name="usage">What to open.</param>
    /// <param name="chosen">
    /// Selects the row's token, user and fence, in this order. Those of <paramref name="usage"/> count only as the
    /// <c>@token_id</c>, <c>@user_id</c> and <c>@fence</c> that it names.
    /// </param>
    /// <returns>Whether it was opened.</returns>
    public Task<bool> OpenAsync(OpenUsage usage, string chosen) => AskAsync(
        $"""
        with clock as materialized (select clock_timestamp() as now)
        insert into token_usages (id, token_id, user_id, fence, started_at, expires_at)
        select @usage_id, chosen.token_id, chosen.user_id, chosen.fence, clock.now, clock.now + @lease
        from ({chosen}) as chosen (token_id, user_id, fence) cross join clock
        on conflict do nothing
        returning true
        """,
        ("usage_id", usage.UsageId),
        ("user_id", usage.UserId),
        ("lease", usage.Lease),
        ("token_id", usage.TokenId),
        ("fence", usage.Fence));

    /// <summary>Sends a statement.</summary>
    /// <returns>Whether the first value that it returns is true.</returns>
    public async Task<bool> AskAsync(string statement, params (string Name, object Value)[] parameters)
    {
        try
        {
            await using var command = _dataSource.CreateCommand(statement);
            foreach (var (name, value) in parameters)
                command.Parameters.AddWithValue(name, value);
            return await command.ExecuteScalarAsync() is true;
        }
        catch (Exception failure) when (PostgresFailures.Classify(failure) is not Failure.Defect)
        {
            // As the ledger would say it: a defect is no reason to fall over when the database is away.
            throw new LedgerUnavailableException(outcomeUnknown: true, failure);
        }
    }

    public ValueTask DisposeAsync() => _dataSource.DisposeAsync();
}
