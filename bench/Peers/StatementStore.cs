using Npgsql;

namespace TokenManager.Bench.Peers;

/// <summary>The same in one statement: one round trip, and the row is locked for no longer than it takes.</summary>
internal sealed class StatementStore(NpgsqlDataSource source) : SqlStore(source)
{
    protected override async Task<PeerAnswer> LendAsync(Guid user, Guid usage, CancellationToken cancellationToken)
    {
        await using var command = Source.CreateCommand(SqlTables.PickTakeInsert);
        command.Parameters.Add(Parameter(usage));
        command.Parameters.Add(Parameter(user));
        command.Parameters.Add(Parameter(SqlTables.Lease));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new PeerAnswer.Granted(reader.GetGuid(0), reader.GetInt64(1), reader.GetDateTime(2), reader.GetDateTime(3))
            : new PeerAnswer.PoolExhausted();
    }
}
