using System.Data.Common;
using Akka.Actor;
using Akka.Configuration;
using Akka.Persistence;
using Akka.Persistence.Sql;
using LinqToDB;
using Microsoft.Data.Sqlite;
using Npgsql;
using TokenManager.Actors.Ledger;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Ledger;

public sealed class JournalTablesSpecs
{
    [Fact]
    public async Task On_Postgres_the_migrations_make_the_tables_that_the_plugin_would_make()
    {
        const string Tables =
            """
            select concat_ws(' ', table_name, column_name, data_type, character_maximum_length, is_nullable,
                column_default, is_identity, identity_generation)
            from information_schema.columns
            where table_schema = 'public' and table_name in ('journal', 'tags', 'snapshot')
            union all
            select indexdef from pg_indexes where tablename in ('journal', 'tags', 'snapshot')
            union all
            select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
            from pg_constraint where conrelid in ('journal'::regclass, 'tags'::regclass, 'snapshot'::regclass)
            order by 1
            """;
        var server = await PrivatePostgres.SharedAsync();
        var byPlugin = await server.CreateDatabaseAsync();
        var byMigrations = await server.CreateDatabaseAsync();

        await LetThePluginInitializeAsync(ProviderName.PostgreSQL15, byPlugin);
        await LedgerMigrations.ApplyAsync(new Store.Postgres(byMigrations), CancellationToken.None);

        await using var pluginConnection = new NpgsqlConnection(byPlugin);
        await using var migrationsConnection = new NpgsqlConnection(byMigrations);
        var expected = await ReadAsync(pluginConnection, Tables);
        Assert.Contains("journal ordering bigint NO YES ALWAYS", expected);
        Assert.Equal(expected, await ReadAsync(migrationsConnection, Tables));
    }

    [Fact]
    public async Task On_Sqlite_the_migrations_make_the_tables_that_the_plugin_would_make()
    {
        const string Tables =
            """
            select m.name || ' ' || c.name || ' ' || c.type || ' ' || c."notnull" || ' ' || c.pk
                || ' ' || coalesce(c.dflt_value, '-') || ' ' || (m.sql like '%autoincrement%')
            from sqlite_master m join pragma_table_info(m.name) c
            where m.type = 'table' and m.name in ('journal', 'tags', 'snapshot')
            union all
            select m.name || ' ' || i.name || ' ' || i."unique" || ' ' || i.origin || ' ' || i.partial || ' '
                || (select group_concat(k.name) from pragma_index_info(i.name) k)
            from sqlite_master m join pragma_index_list(m.name) i
            where m.type = 'table' and m.name in ('journal', 'tags', 'snapshot')
            order by 1
            """;
        using var folder = new TemporaryFolder();
        var byPlugin = folder.File("plugin.db");
        var byMigrations = folder.File("migrations.db");

        await LetThePluginInitializeAsync(ProviderName.SQLiteMS, $"Data Source={byPlugin};Pooling=false");
        await LedgerMigrations.ApplyAsync(new Store.Sqlite(byMigrations), CancellationToken.None);

        await using var pluginConnection = new SqliteConnection($"Data Source={byPlugin};Pooling=false");
        await using var migrationsConnection = new SqliteConnection($"Data Source={byMigrations};Pooling=false");
        var expected = await ReadAsync(pluginConnection, Tables);
        Assert.Contains("journal journal_uq 1 c 0 persistence_id,sequence_number", expected);
        Assert.Equal(expected, await ReadAsync(migrationsConnection, Tables));
    }

    private static async Task<List<string>> ReadAsync(DbConnection connection, string query)
    {
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = query;
        await using var reader = await command.ExecuteReaderAsync();
        var lines = new List<string>();
        while (await reader.ReadAsync())
            lines.Add(reader.GetString(0));
        return lines;
    }

    private static async Task LetThePluginInitializeAsync(string provider, string connectionString)
    {
        var config = ConfigurationFactory.ParseString(
            $$"""
            akka.loglevel = WARNING
            akka.persistence.journal {
              plugin = "akka.persistence.journal.sql"
              sql {
                class = "Akka.Persistence.Sql.Journal.SqlWriteJournal, Akka.Persistence.Sql"
                connection-string = "{{connectionString}}"
                provider-name = "{{provider}}"
                auto-initialize = on
                tag-write-mode = TagTable
                table-mapping = default
              }
            }
            akka.persistence.snapshot-store {
              plugin = "akka.persistence.snapshot-store.sql"
              sql {
                class = "Akka.Persistence.Sql.Snapshot.SqlSnapshotStore, Akka.Persistence.Sql"
                connection-string = "{{connectionString}}"
                provider-name = "{{provider}}"
                auto-initialize = on
                table-mapping = default
              }
            }
            """).WithFallback(SqlPersistence.DefaultConfiguration);
        using var system = ActorSystem.Create("plugin", config);
        var writer = system.ActorOf(Props.Create(() => new Writer()));
        Assert.IsType<SaveSnapshotSuccess>(await writer.Ask<object>("save", TimeSpan.FromSeconds(20)));
        await system.Terminate();
    }

    private sealed class Writer : UntypedPersistentActor
    {
        private IActorRef _asker = ActorRefs.Nobody;

        public override string PersistenceId => "writer";

        protected override void OnCommand(object message)
        {
            if (message is SaveSnapshotSuccess or SaveSnapshotFailure)
            {
                _asker.Tell(message);
                return;
            }

            _asker = Sender;
            Persist("event", _ => SaveSnapshot("state"));
        }

        protected override void OnRecover(object message) { }
    }
}
