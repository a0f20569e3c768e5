using Npgsql;
using TokenManager.Testing;

namespace TokenManager.Bench;

/// <summary>What one measurement plays on: a private PostgreSQL with fsync on, and whatever is started there.</summary>
internal sealed class Stage(Extent extent, Progress progress, CancellationToken stop) : IAsyncDisposable
{
    // 256 clients of pgbench, beside the pools of a node and of two peers.
    private const int MaxConnections = 500;

    /// <summary>The longest lease there is: nothing ends while something else is measured.</summary>
    public static readonly TimeSpan LongLease = TimeSpan.FromHours(24);

    private static readonly TimeSpan StartsWithin = TimeSpan.FromMinutes(2);

    private readonly Stack<IAsyncDisposable> _started = new();
    private PrivatePostgres? _server;

    public Extent Extent => extent;

    public CancellationToken Stop => stop;

    public void Say(string line) => progress.Say(line);

    /// <summary>The server, started when it is needed for the first time.</summary>
    public async Task<PrivatePostgres> ServerAsync() =>
        _server ??= Keep(await PrivatePostgres.StartAsync(durable: true, maxConnections: MaxConnections));

    /// <summary>The server's version, if there was need of one.</summary>
    public async Task<string?> PostgresVersionAsync() =>
        _server is null ? null : (string?)await QueryAsync(_server.ConnectionString("postgres"), "show server_version");

    /// <summary>What it says of its durability.</summary>
    public async Task<string?> DurabilityAsync() => _server is null
        ? null
        : Invariant($"fsync {await QueryAsync(_server.ConnectionString("postgres"), "show fsync")}, synchronous_commit {await QueryAsync(_server.ConnectionString("postgres"), "show synchronous_commit")}");

    /// <summary>Nothing in the server happens by itself any more in the middle of somebody's turn.</summary>
    public async Task QuietenServerAsync()
    {
        var server = (await ServerAsync()).ConnectionString("postgres");
        foreach (var setting in new[] { "autovacuum = off", "checkpoint_timeout = '1h'", "max_wal_size = '8GB'" })
            await QueryAsync(server, $"alter system set {setting}");
        await QueryAsync(server, "select pg_reload_conf()");
    }

    /// <summary>How many usages are open in a database.</summary>
    public static async Task<long> OpenUsagesAsync(string database)
    {
        await using var connection = new NpgsqlConnection(database + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("select count(*) from token_usages where ended_at is null", connection) { CommandTimeout = 0 };
        return (long)(await command.ExecuteScalarAsync())!;
    }

    public async Task<Database> DatabaseAsync() => await Database.CreateAsync(await ServerAsync());

    /// <summary>Starts a node as users run it, and waits until it is ready. It ends with the stage at the latest.</summary>
    public async Task<NodeProcess> NodeAsync(NodeSettings settings)
    {
        stop.ThrowIfCancellationRequested();
        return Keep(await NodeProcess.StartAsync(AsUsersRunIt(settings), StartsWithin));
    }

    /// <summary>
    /// The same node without what the harness does to start its nodes sooner: as the build leaves it, with its management API.
    /// </summary>
    public static NodeSettings AsUsersRunIt(NodeSettings settings) => settings with
    {
        Assembly = NodeProcess.BuiltAssembly,
        Configuration = new Dictionary<string, string>(settings.Configuration) { ["TokenManager:Management:Url"] = "http://127.0.0.1:0" },
        Environment = settings.Environment
            .Where(variable => !NodeProcess.RuntimeSettings.ContainsKey(variable.Key))
            .Concat(NodeProcess.RuntimeSettings.Keys.Select(name => KeyValuePair.Create<string, string?>(name, null)))
            .ToDictionary(),
    };

    /// <summary>Lets something end with the stage, the last first.</summary>
    public T Keep<T>(T started)
        where T : IAsyncDisposable
    {
        _started.Push(started);
        return started;
    }

    /// <summary>
    /// Removes what earlier turns left dead in a database, and writes out what is in memory, so that neither falls into
    /// somebody's turn.
    /// </summary>
    /// <param name="database">A connection string; null if the turn has no tables.</param>
    public async Task TidyAsync(string? database)
    {
        if (database is not null) await QueryAsync(database, "vacuum (analyze)");
        await QueryAsync((await ServerAsync()).ConnectionString("postgres"), "checkpoint");
    }

    public async ValueTask DisposeAsync()
    {
        // What does not end well must not keep the others from ending.
        while (_started.TryPop(out var started))
        {
            try
            {
                await started.DisposeAsync();
            }
            catch (Exception failure) when (failure is InvalidOperationException or IOException or TimeoutException)
            {
                Say($"did not end well: {failure.Message}");
            }
        }
    }

    private async Task<object?> QueryAsync(string database, string query)
    {
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync(stop);
        await using var command = new NpgsqlCommand(query, connection) { CommandTimeout = 0 };
        return await command.ExecuteScalarAsync(stop);
    }
}
