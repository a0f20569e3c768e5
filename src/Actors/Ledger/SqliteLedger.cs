using System.Data.Common;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Data.Sqlite;

namespace TokenManager.Actors.Ledger;

/// <summary>
/// The ledger in a SQLite file. SQLite has one writer at a time, so there is one connection that writes. The clock is
/// this process's.
/// </summary>
internal sealed class SqliteLedger : SqlLedger
{
    private const int Writers = 1;

    private readonly string _path;
    private readonly TimeProvider _timeProvider;
    private readonly SemaphoreSlim _writerTurn = new(1, 1);
    private SqliteConnection? _writer;

    internal SqliteLedger(string path, TimeProvider timeProvider)
        : base(Writers)
    {
        _path = path;
        _timeProvider = timeProvider;
    }

    private protected override async Task<Session> ConnectAsync(Access access, CancellationToken cancellationToken)
    {
        if (access == Access.Read)
        {
            var connection = SqliteConnections.Open(_path, _timeProvider, pooled: true);
            return new Session(connection, connection.DisposeAsync);
        }

        await _writerTurn.WaitAsync(cancellationToken);
        try
        {
            _writer ??= SqliteConnections.Open(_path, _timeProvider, pooled: false);
            return new Session(_writer, EndWriterTurn);
        }
        catch
        {
            _writerTurn.Release();
            throw;
        }
    }

    private protected override async ValueTask DisconnectAsync()
    {
        await _writerTurn.WaitAsync();
        if (_writer is not null)
            await _writer.DisposeAsync();
        _writerTurn.Dispose();
        using var pool = new SqliteConnection(SqliteConnections.ConnectionString(_path, pooled: true));
        SqliteConnection.ClearPool(pool);
    }

    // There is no other: a few microseconds after the snapshot, on the only node there is.
    private protected override string StatementTime => "clock_timestamp()";

    private protected override Failure Classify(Exception exception) => SqliteFailures.Classify(exception);

    private protected override string Rows(params ReadOnlySpan<string> columns)
    {
        var source = new StringBuilder("(select ");
        for (var i = 0; i < columns.Length; i++)
            source.Append(i == 0 ? "" : ", ").Append($"value ->> {i} as {columns[i]}");
        return source.Append(" from json_each(@rows)) as r").ToString();
    }

    private protected override void AddRows(
        DbCommand command, params ReadOnlySpan<(string Name, Array Values)> columns)
    {
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartArray();
            for (var row = 0; row < columns[0].Values.Length; row++)
            {
                writer.WriteStartArray();
                foreach (var (_, values) in columns)
                {
                    var value = values.GetValue(row);
                    var stored = value is null ? null : ToStored(value);
                    if (stored is null)
                        writer.WriteNullValue();
                    else if (stored is string text)
                        writer.WriteStringValue(text);
                    else
                        writer.WriteNumberValue(Convert.ToInt64(stored, CultureInfo.InvariantCulture));
                }

                writer.WriteEndArray();
            }

            writer.WriteEndArray();
        }

        command.Parameters.Add(Parameter("rows", Encoding.UTF8.GetString(json.GetBuffer(), 0, (int)json.Length)));
    }

    private protected override DbParameter Parameter(string name, object value) =>
        new SqliteParameter("@" + name, ToStored(value));

    private protected override DateTimeOffset ReadTime(DbDataReader reader, int column) =>
        DateTimeOffset.UnixEpoch.AddTicks(reader.GetInt64(column) * TimeSpan.TicksPerMicrosecond);

    private protected override TimeSpan ReadSpan(DbDataReader reader, int column) =>
        TimeSpan.FromTicks(reader.GetInt64(column) * TimeSpan.TicksPerMicrosecond);

    private ValueTask EndWriterTurn()
    {
        _writerTurn.Release();
        return ValueTask.CompletedTask;
    }

    private static object ToStored(object value) => value switch
    {
        Guid id => id.ToString(),
        DateTimeOffset time => SqliteConnections.ToMicroseconds(time),
        TimeSpan span => span.Ticks / TimeSpan.TicksPerMicrosecond,
        _ => value,
    };
}
