using System.Data;
using System.Data.Common;
using Npgsql;
using TokenManager.Actors.Ledger;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Ledger;

public sealed class PostgresLedgerTests : LedgerTests
{
    [Fact]
    public async Task Calls_go_on_when_the_server_ends_the_connections()
    {
        var tokens = await DeclareAsync(400);
        using var stop = new CancellationTokenSource();
        var terminations = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await QueryAsync(
                    """
                    select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and application_name = 'token-manager-ledger'
                    """);
                await Task.Delay(30);
            }
        });

        foreach (var some in tokens.Chunk(10))
        {
            var results = await Task.WhenAll(some.Select(token => Ledger.OpenAsync(Wish(token.TokenId))));
            Assert.All(results, result => Assert.IsType<OpenResult.Found>(result));
        }

        await stop.CancelAsync();
        await terminations;
    }

    [Fact]
    public async Task A_statement_that_waits_for_another_transaction_sees_what_it_decided()
    {
        var tokens = await DeclareAsync(2);
        var held = await OpenAsync(Wish(tokens[0].TokenId));
        await using var connection = CreateConnection();
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await ExecuteAsync(connection, "update token_usages set ended_at = clock_timestamp(), end_reason = 'cleared'");

        // The close waits for the row; the open sees the row as it was and must not wait for it.
        var closing = CloseAsync(held, EndReason.Released);
        var refused = await Ledger.OpenAsync(Wish(tokens[1].TokenId, userId: held.UserId));
        Assert.False(closing.IsCompleted);
        await transaction.CommitAsync();

        Assert.IsType<OpenResult.UserHolds>(refused);
        Assert.Equal(
            EndReason.Cleared, Assert.IsType<CloseResult.Closed>(await closing).Usage.End!.Reason);
        await OpenAsync(Wish(tokens[1].TokenId, userId: held.UserId));
    }

    [Fact]
    public async Task A_token_that_is_being_lent_by_a_transaction_which_is_undone_can_be_lent()
    {
        var token = (await DeclareAsync(1))[0];
        await using var connection = CreateConnection();
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await ExecuteAsync(
            connection,
            $"""
            insert into token_usages (id, token_id, user_id, fence, started_at, expires_at)
            select gen_random_uuid(), '{token.TokenId}', gen_random_uuid(), 1, now(), now() + interval '1 hour'
            """);

        var opening = Ledger.OpenAsync(Wish(token.TokenId));
        await Eventually.Async(
            async () => await QueryAsync(
                "select count(*) from pg_locks l join pg_stat_activity a using (pid) "
                + "where a.datname = current_database() and not l.granted") is not 0L,
            TimeSpan.FromSeconds(20));
        await transaction.RollbackAsync();

        Assert.IsType<OpenResult.Found>(await opening);
    }

    [Fact]
    public async Task A_limit_is_checked_before_a_statement_waits_for_another_transaction_and_not_again()
    {
        var token = (await DeclareAsync(1))[0];
        await using var connection = CreateConnection();
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await ExecuteAsync(
            connection,
            $"""
            insert into token_usages (id, token_id, user_id, fence, started_at, expires_at)
            select gen_random_uuid(), '{token.TokenId}', gen_random_uuid(), 1, now(), now() + interval '1 hour'
            """);
        var limit = (await Ledger.PingAsync(CancellationToken.None)).AddMilliseconds(500);

        var opening = Ledger.OpenAsync(Wish(token.TokenId) with { NotAfter = limit });
        await Eventually.Async(async () => await Ledger.PingAsync(CancellationToken.None) > limit, TimeSpan.FromSeconds(20));
        Assert.False(opening.IsCompleted);
        await transaction.RollbackAsync();

        Assert.True(Assert.IsType<OpenResult.Found>(await opening).Row.Usage.StartedAt <= limit);
    }

    [Fact]
    public async Task A_row_that_stays_locked_ends_the_call_with_nothing_done()
    {
        var usage = await OpenAsync(Wish((await DeclareAsync(1))[0].TokenId));
        await using var connection = CreateConnection();
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await ExecuteAsync(connection, "select 1 from token_usages for update");

        var refusal = await Assert.ThrowsAsync<LedgerUnavailableException>(
            () => CloseAsync(usage, EndReason.Released));
        await transaction.RollbackAsync();

        Assert.False(refusal.OutcomeUnknown);
        Assert.True((await Ledger.FindUsageAsync(usage.UsageId))!.Usage.IsOpen);
        Assert.IsType<CloseResult.Closed>(await CloseAsync(usage, EndReason.Released));
    }

    [Fact]
    public async Task Statements_use_the_indexes_even_if_they_were_planned_for_empty_tables()
    {
        const string Scans = "select seq_scan from pg_stat_user_tables where relname = 'token_usages'";
        // Making an index counts as a scan.
        var scansOfMigrations = await QueryAsync(Scans);
        var token = (await DeclareAsync(1))[0].TokenId;
        for (var fence = 1; fence <= 30; fence++)
        {
            var usage = await OpenAsync(Wish(token, fence));
            await Ledger.OpenAsync(Wish(token, fence));
            await CloseAsync(usage, EndReason.Released);
            await Ledger.FindUsageAsync(usage.UsageId);
            await Ledger.ReadTokenAsync(token, fence);
            await Ledger.FindTokenAsync(token);
            await Ledger.ReadPoolAsync(CancellationToken.None);
            await Ledger.SweepAsync(10, 0, CancellationToken.None);
        }

        await EndLedgerAsync();
        Assert.Equal(scansOfMigrations, await QueryAsync(Scans));
    }

    [Fact]
    public async Task What_a_call_reads_does_not_grow_with_the_pool_because_nothing_was_lent_when_rows_were_counted()
    {
        const int Size = 1000;
        // Some rows for each call, and far less than all open ones for each.
        const int Most = 30 * 5 * Size;
        const string Reads = "select sum(idx_tup_read)::bigint from pg_stat_user_indexes where relname in ('token_usages', 'tokens')";
        var tokens = await DeclareAsync(Size);
        await QueryAsync("alter table token_usages set (autovacuum_enabled = off)");
        foreach (var usage in await Task.WhenAll(tokens.Select(token => OpenAsync(Wish(token.TokenId)))))
            await CloseAsync(usage, EndReason.Released);
        await QueryAsync("vacuum (analyze)");
        var before = (long)(await QueryAsync(Reads))!;

        var open = await Task.WhenAll(tokens.Select(token => OpenAsync(Wish(token.TokenId, fence: 2))));
        var refused = await Task.WhenAll(open.Select(usage => Ledger.OpenAsync(Wish(usage.TokenId, fence: 3, usage.UserId))));
        Assert.All(refused, result => Assert.IsType<OpenResult.UserHolds>(result));
        Assert.All((await Ledger.ReadPoolAsync(CancellationToken.None)).Tokens, token => Assert.NotNull(token.Open));
        await Task.WhenAll(tokens.Select(token => Ledger.FindTokenAsync(token.TokenId)));
        await Task.WhenAll(open.Select(usage => CloseAsync(usage, EndReason.Released)));

        await EndLedgerAsync();
        Assert.InRange((long)(await QueryAsync(Reads))! - before, Size, Most);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Calls_go_on_while_migrations_wait_for_a_reader_and_what_was_interrupted_is_made_the_next_time(
        bool interrupted, bool byTheNodesEnd)
    {
        const string Waiting =
            """
            from pg_stat_activity where datname = current_database()
            and application_name = 'token-manager-migrations' and wait_event_type = 'Lock'
            """;
        var tokens = await DeclareAsync(20);
        await OpenAsync(Wish(tokens[0].TokenId));
        await QueryAsync(
            """
            create unique index token_usages_open_user on token_usages (user_id) where ended_at is null;
            create unique index token_usages_open_token on token_usages (token_id) where ended_at is null;
            create index token_usages_open_expires_at on token_usages (expires_at) where ended_at is null;
            drop index token_usages_one_per_user, token_usages_one_per_token, token_usages_due;
            delete from schemaversions where scriptname like '%.Concurrent.%'
            """);
        await using var reader = CreateConnection();
        await reader.OpenAsync();
        await using var reading = await reader.BeginTransactionAsync(IsolationLevel.RepeatableRead);
        await ExecuteAsync(reader, "select count(*) from token_usages");

        using var end = new CancellationTokenSource();
        var migrations = LedgerMigrations.ApplyAsync(Store, end.Token);
        await Eventually.Async(
            async () => await QueryAsync($"select count(*) {Waiting}") is 1L, TimeSpan.FromSeconds(20));
        foreach (var token in tokens.Skip(1))
            await CloseAsync(await OpenAsync(Wish(token.TokenId)), EndReason.Released);
        Assert.False(migrations.IsCompleted);
        if (byTheNodesEnd)
        {
            await end.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => migrations.WaitAsync(TimeSpan.FromSeconds(20)));
        }

        if (interrupted)
        {
            // As the end of a process does.
            await QueryAsync($"select pg_terminate_backend(pid) {Waiting}");
            if (!byTheNodesEnd)
                await Assert.ThrowsAsync<LedgerUnavailableException>(() => migrations);
            Assert.Equal("token_usages_one_per_user", await QueryAsync(OpenRowIndexes("not indisvalid")));
        }

        await reading.CommitAsync();
        await (interrupted ? LedgerMigrations.ApplyAsync(Store, CancellationToken.None) : migrations);

        Assert.Equal(
            "token_usages_due, token_usages_one_per_token, token_usages_one_per_user",
            await QueryAsync(OpenRowIndexes("indisvalid")));

        static string OpenRowIndexes(string which) =>
            $"""
            select string_agg(indexrelid::regclass::text, ', ' order by indexrelid::regclass::text) from pg_index
            where indrelid = 'token_usages'::regclass and indpred is not null and {which}
            """;
    }

    [Fact]
    public async Task A_database_that_does_not_exist_yet_is_unavailable_to_migrations()
    {
        var missing = new NpgsqlConnectionStringBuilder(((Store.Postgres)Store).ConnectionString)
        {
            Database = "missing",
        };

        var refusal = await Assert.ThrowsAsync<LedgerUnavailableException>(
            () => LedgerMigrations.ApplyAsync(new Store.Postgres(missing.ToString()), CancellationToken.None));

        Assert.False(refusal.OutcomeUnknown);
    }

    protected override async Task<Store> CreateStoreAsync() =>
        new Store.Postgres(await (await PrivatePostgres.SharedAsync()).CreateDatabaseAsync());

    protected override string No => "false";

    protected override string NoBytes => "''";

    protected override DbConnection CreateConnection() =>
        new NpgsqlConnection(((Store.Postgres)Store).ConnectionString + ";Pooling=false");

    // A session reports what it read when it ends, at the latest.
    private async Task EndLedgerAsync()
    {
        await Ledger.DisposeAsync();
        await Eventually.Async(
            async () => await QueryAsync(
                """
                select count(*) from pg_stat_activity
                where datname = current_database() and application_name = 'token-manager-ledger'
                """) is 0L,
            TimeSpan.FromSeconds(20));
    }

    private static async Task ExecuteAsync(DbConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }
}
