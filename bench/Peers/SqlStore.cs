using Npgsql;

namespace TokenManager.Bench.Peers;

/// <summary>What both peers on PostgreSQL have in common: the tables, and that an index refuses a second token.</summary>
internal abstract class SqlStore(NpgsqlDataSource source) : IActivationStore
{
    protected NpgsqlDataSource Source => source;

    public async Task<PeerAnswer> ActivateAsync(Guid user, Guid usage, CancellationToken cancellationToken)
    {
        try
        {
            return await LendAsync(user, usage, cancellationToken);
        }
        catch (PostgresException refused) when (refused.ConstraintName is "token_usages_open_user" or "token_usages_pkey")
        {
            return new PeerAnswer.UserAlreadyActive();
        }
    }

    public async Task ClearAsync(CancellationToken cancellationToken)
    {
        await using var command = source.CreateCommand(SqlTables.Clear);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    protected abstract Task<PeerAnswer> LendAsync(Guid user, Guid usage, CancellationToken cancellationToken);

    protected static NpgsqlParameter<T> Parameter<T>(T value) => new() { TypedValue = value };
}
