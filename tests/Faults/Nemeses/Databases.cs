using Npgsql;
using TokenManager.Faults.History;

namespace TokenManager.Faults.Nemeses;

/// <summary>Faults of the database server.</summary>
internal static class Databases
{
    public static IReadOnlyList<Nemesis> All { get; } =
    [
        new("database-kill", "kill -9 of the database server, started again at once", Area.Database, Effect.Outage,
            async (arena, _, _) =>
            {
                await arena.Server.KillAsync();
                await arena.Server.StartAgainAsync();
                return "started again at once";
            }),
        new("database-stop", "the database server stopped in order, and started again later", Area.Database, Effect.Outage,
            async (arena, _, span) =>
            {
                await arena.Server.StopAsync();
                await Task.Delay(span);
                await arena.Server.StartAgainAsync();
                return $"{span.TotalSeconds:0} s";
            }),
        new("database-freeze", "the database server stands still, as on a disk that does not answer", Area.Database, Effect.Outage,
            async (arena, _, span) =>
            {
                await arena.Server.PauseAsync();
                await Task.Delay(span);
                await arena.Server.ContinueAsync();
                return $"{span.TotalSeconds:0} s";
            }),
        new("database-lock", "somebody locks the ledger's tables against everybody", Area.Database, Effect.Outage,
            async (arena, _, span) =>
            {
                await using var connection = new NpgsqlConnection(arena.ConnectionString);
                await connection.OpenAsync();
                await using var transaction = await connection.BeginTransactionAsync();
                await using var command = new NpgsqlCommand("lock table token_usages, tokens in access exclusive mode", connection, transaction);
                await command.ExecuteNonQueryAsync();
                await Task.Delay(span);
                await transaction.RollbackAsync();
                return $"{span.TotalSeconds:0} s";
            }),
        new("connections-cut", "every connection of every node cut by the server, again and again", Area.Database, Effect.Outage,
            async (arena, random, _) =>
            {
                var times = random.Next(1, 6);
                for (var i = 0; i < times; i++)
                {
                    await arena.Database.ExecuteAsync(
                        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'");
                    await Task.Delay(random.Next(50, 800));
                }

                return $"{times} times";
            }),
    ];
}
