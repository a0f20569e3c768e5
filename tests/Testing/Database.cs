using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace TokenManager.Testing;

public enum StoreKind
{
    Sqlite,
    Postgres,
}

/// <summary>A database for nodes, and a look into it that goes round every node.</summary>
internal sealed class Database : IDisposable
{
    private readonly TemporaryFolder? _folder;
    private readonly string _connectionString;

    private Database(PrivatePostgres? server, TemporaryFolder? folder, string connectionString)
    {
        Server = server;
        _folder = folder;
        _connectionString = connectionString;
    }

    /// <summary>The server; null for SQLite.</summary>
    public PrivatePostgres? Server { get; }

    /// <summary>Makes an empty database, on a server that nobody stops.</summary>
    public static async Task<Database> CreateAsync(StoreKind kind)
    {
        if (kind is StoreKind.Sqlite)
        {
            var folder = new TemporaryFolder();
            return new Database(
                null,
                folder,
                new SqliteConnectionStringBuilder
                {
                    DataSource = folder.File("tokenmanager.db"),
                    Mode = SqliteOpenMode.ReadOnly,
                    Pooling = false,
                }.ConnectionString);
        }

        return await CreateAsync(await PrivatePostgres.SharedAsync());
    }

    /// <summary>Makes an empty database on a server that the caller may stop.</summary>
    public static async Task<Database> CreateAsync(PrivatePostgres server) =>
        new(server, null, await server.CreateDatabaseAsync());

    /// <summary>For who is no node.</summary>
    public string ConnectionString => _connectionString;

    /// <summary>For a node that cannot reach the server's address.</summary>
    public string SocketConnectionString =>
        new NpgsqlConnectionStringBuilder(_connectionString) { Host = Server!.SocketFolder }.ConnectionString;

    /// <summary>For a node that reaches the server at another address.</summary>
    public string ConnectionStringAt(string host) =>
        new NpgsqlConnectionStringBuilder(_connectionString) { Host = host }.ConnectionString;

    public NodeSettings Node(int size, TimeSpan lease, TimeSpan? sweep = null)
    {
        var configuration = new Dictionary<string, string>
        {
            ["TokenManager:Pool:Size"] = size.ToString(CultureInfo.InvariantCulture),
            ["TokenManager:Pool:Lease"] = lease.ToString("c"),
        };
        if (sweep is { } interval) configuration["TokenManager:Pool:SweepInterval"] = interval.ToString("c");
        if (_folder is not null) configuration["TokenManager:DataDirectory"] = _folder.File("");
        else configuration["ConnectionStrings:TokenManager"] = _connectionString;
        return new NodeSettings { Configuration = configuration };
    }

    /// <summary>Every row of the ledger.</summary>
    public async Task<IReadOnlyList<Row>> ReadRowsAsync()
    {
        var time = (string column) => Server is null ? column : $"(extract(epoch from {column}) * 1000000)::bigint";
        var rows = new List<Row>();
        await ReadAsync(
            $"""
            select id, token_id, user_id, fence, {time("started_at")}, {time("expires_at")}, {time("ended_at")}, end_reason
            from token_usages order by token_id, fence
            """,
            reader => rows.Add(new Row(
                reader.GetGuid(0),
                reader.GetGuid(1),
                reader.GetGuid(2),
                reader.GetInt64(3),
                reader.GetInt64(4),
                reader.GetInt64(5),
                reader.IsDBNull(6) ? null : reader.GetInt64(6),
                reader.IsDBNull(7) ? null : reader.GetString(7))));
        return rows;
    }

    /// <summary>How many activations and releases the journal holds, by token.</summary>
    public async Task<IReadOnlyDictionary<Guid, (long Activated, long Released)>> ReadJournalAsync()
    {
        var counts = new Dictionary<Guid, (long, long)>();
        await ReadAsync(
            """
            select persistence_id,
                sum(case when manifest = 'token-activated/v1' then 1 else 0 end),
                sum(case when manifest = 'token-released/v1' then 1 else 0 end),
                count(*), max(sequence_number)
            from journal where persistence_id like 'token-%' group by persistence_id
            """,
            reader =>
            {
                var (activated, released) = (reader.GetInt64(1), reader.GetInt64(2));
                Assert.Equal(reader.GetInt64(3), activated + released);
                Assert.Equal(reader.GetInt64(3), reader.GetInt64(4));
                counts.Add(Guid.Parse(reader.GetString(0)["token-".Length..]), (activated, released));
            });
        return counts;
    }

    /// <summary>Runs a statement as nobody's node would.</summary>
    /// <returns>How many rows it changed.</returns>
    public async Task<int> ExecuteAsync(string statement)
    {
        await using var connection = Connect();
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = statement;
        return await command.ExecuteNonQueryAsync();
    }

    public void Dispose() => _folder?.Dispose();

    private DbConnection Connect() => Server is null
        ? new SqliteConnection(_connectionString)
        : new NpgsqlConnection(_connectionString + ";Pooling=false;Timeout=3;Command Timeout=5");

    /// <summary>Reads rows with a query of the caller's.</summary>
    public async Task ReadAsync(string query, Action<DbDataReader> read)
    {
        await using var connection = Connect();
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = query;
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync()) read(reader);
    }
}
