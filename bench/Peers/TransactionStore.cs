using Npgsql;

namespace TokenManager.Bench.Peers;

/// <summary>The original's way: lock a free row, update it, insert the usage, commit. Three round trips.</summary>
internal sealed class TransactionStore(NpgsqlDataSource source) : SqlStore(source)
{
    protected override async Task<PeerAnswer> LendAsync(Guid user, Guid usage, CancellationToken cancellationToken)
    {
        await using var connection = await Source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (await PickAsync(connection, transaction, cancellationToken) is not var (token, fence)) return new PeerAnswer.PoolExhausted();

        DateTime startedAt, expiresAt;
        await using (var take = new NpgsqlBatch(connection, transaction)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand(SqlTables.Take) { Parameters = { Parameter(token), Parameter(fence) } },
                new NpgsqlBatchCommand(SqlTables.Insert)
                {
                    Parameters = { Parameter(usage), Parameter(token), Parameter(user), Parameter(fence), Parameter(SqlTables.Lease) },
                },
            },
        })
        await using (var reader = await take.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            (startedAt, expiresAt) = (reader.GetDateTime(0), reader.GetDateTime(1));
        }

        await transaction.CommitAsync(cancellationToken);
        return new PeerAnswer.Granted(token, fence, startedAt, expiresAt);
    }

    private static async Task<(Guid Token, long Fence)?> PickAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken cancellationToken)
    {
        await using var pick = new NpgsqlCommand(SqlTables.Pick, connection, transaction);
        await using var reader = await pick.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? (reader.GetGuid(0), reader.GetInt64(1)) : null;
    }
}
