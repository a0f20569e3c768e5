using System.Data.Common;
using Npgsql;

namespace TokenManager.Actors.Ledger;

/// <summary>The ledger on PostgreSQL. Its clock is the server's.</summary>
internal sealed class PostgresLedger : SqlLedger
{
    // More than two are slower: groups get smaller.
    private const int Writers = 2;
    private const int MaxConnections = 20;

    // Two for each kind of call that is grouped. The driver closes what was idle for most of five minutes, in all nodes at
    // once if they started together; until as many are open again, calls take longer than a lease may be late.
    private const int KeptConnections = 10;
    private const int LimitInSeconds = 3;
    private const int KeepAliveInSeconds = 10;
    private const int PreparedStatements = 40;

    // The ledger looks rows up by their keys and does nothing else, whatever it is given: planning that takes longer than
    // doing it, and compiling it longer still. So a statement is planned once, perhaps while the tables are nearly empty, and
    // a plan that scans them would be kept while they grow. Which index is the right one, the indexes say: see
    // docs/adr/0044-plans-do-not-depend-on-statistics.md.
    private const string Planning =
        "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off -c plan_cache_mode=force_generic_plan";

    // Ends before the call does, so that a call that only waited for a lock knows that it did nothing.
    private const string Locks = "-c lock_timeout=2500";

    private readonly NpgsqlDataSource _dataSource;

    internal PostgresLedger(string connectionString)
        : base(Writers)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            ApplicationName = "token-manager-ledger",
            Timeout = LimitInSeconds,
            // Every call carries a limit of its own. Past it the connection is cut without waiting for the server.
            CommandTimeout = 0,
            CancellationTimeout = -1,
            KeepAlive = KeepAliveInSeconds,
            MinPoolSize = KeptConnections,
            MaxPoolSize = MaxConnections,
            MaxAutoPrepare = PreparedStatements,
            NoResetOnClose = true,
        };
        settings.Options = $"{settings.Options} {Planning} {Locks}".TrimStart();
        _dataSource = NpgsqlDataSource.Create(settings);
    }

    private protected override async Task<Session> ConnectAsync(Access access, CancellationToken cancellationToken)
    {
        var connection = await _dataSource.OpenConnectionAsync(cancellationToken);
        return new Session(connection, connection.DisposeAsync);
    }

    private protected override ValueTask DisconnectAsync() => _dataSource.DisposeAsync();

    // Every statement is a transaction of its own. The statement's own timestamp is set again after its snapshot was taken.
    private protected override string StatementTime => "transaction_timestamp()";

    private protected override Failure Classify(Exception exception) => PostgresFailures.Classify(exception);

    private protected override string Rows(params ReadOnlySpan<string> columns) =>
        $"unnest(@{string.Join(", @", columns!)}) as r({string.Join(", ", columns!)})";

    private protected override void AddRows(
        DbCommand command, params ReadOnlySpan<(string Name, Array Values)> columns)
    {
        foreach (var (name, values) in columns)
            command.Parameters.Add(Parameter(name, values));
    }

    private protected override DbParameter Parameter(string name, object value) => new NpgsqlParameter(name, value);

    private protected override DateTimeOffset ReadTime(DbDataReader reader, int column) =>
        reader.GetFieldValue<DateTimeOffset>(column);

    private protected override TimeSpan ReadSpan(DbDataReader reader, int column) =>
        reader.GetFieldValue<TimeSpan>(column);
}
