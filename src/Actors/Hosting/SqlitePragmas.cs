using System.Data.Common;
using LinqToDB.Interceptors;

namespace TokenManager.Actors.Hosting;

/// <summary>
/// Makes the journal's SQLite connections wait for the ledger's in the engine: without it the driver sleeps 150 ms on
/// every collision.
/// </summary>
internal sealed class SqlitePragmas : ConnectionInterceptor
{
    private const string Pragmas = "pragma busy_timeout = 3000; pragma synchronous = full;";

    public override void ConnectionOpened(ConnectionEventData eventData, DbConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = Pragmas;
        command.ExecuteNonQuery();
    }

    public override async Task ConnectionOpenedAsync(
        ConnectionEventData eventData, DbConnection connection, CancellationToken cancellationToken)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = Pragmas;
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
