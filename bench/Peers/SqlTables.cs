using Npgsql;

namespace TokenManager.Bench.Peers;

/// <summary>The tables and statements of the peers on PostgreSQL, and of pgbench.</summary>
internal static class SqlTables
{
    /// <summary>
    /// Locks a free token that nobody else is just about to take. Parameters, here and below: none, or in the order of
    /// their numbers.
    /// </summary>
    public const string Pick =
        "select id, fence + 1 as next from tokens where status = 'available' order by ordinal limit 1 for update skip locked";

    /// <summary>Token, next fence.</summary>
    public const string Take = "update tokens set status = 'active', fence = $2 where id = $1";

    /// <summary>Usage, token, user, fence, lease.</summary>
    public const string Insert =
        """
        insert into token_usages (id, token_id, user_id, fence, started_at, expires_at)
        values ($1, $2, $3, $4, now(), now() + $5) returning started_at, expires_at
        """;

    /// <summary>All three in one. Usage, user, lease.</summary>
    public const string PickTakeInsert =
        """
        with picked as (
            select id, fence + 1 as next from tokens where status = 'available' order by ordinal limit 1 for update skip locked
        ), taken as (
            update tokens t set status = 'active', fence = picked.next from picked where t.id = picked.id
        )
        insert into token_usages (id, token_id, user_id, fence, started_at, expires_at)
        select $1, picked.id, $2, picked.next, now(), now() + $3 from picked
        returning token_id, fence, started_at, expires_at
        """;

    /// <summary>Ends every usage and frees its token.</summary>
    public const string Clear =
        """
        with ended as (
            update token_usages set ended_at = now(), end_reason = 'cleared' where ended_at is null returning token_id
        )
        update tokens set status = 'available' from ended where tokens.id = ended.token_id
        """;

    // The usages as our ledger has them, with those of its indexes without which nobody is kept from a second token or
    // nothing ever expires. Free tokens have an index of their own.
    private const string Create =
        """
        create table tokens (
            id uuid primary key,
            ordinal int not null unique,
            status text not null default 'available',
            fence bigint not null default 0
        );
        create index tokens_available on tokens (ordinal) where status = 'available';
        create table token_usages (
            id uuid primary key,
            token_id uuid not null references tokens (id),
            user_id uuid not null,
            fence bigint not null,
            started_at timestamptz not null,
            expires_at timestamptz not null,
            ended_at timestamptz,
            end_reason text,
            unique (token_id, fence)
        );
        create unique index token_usages_open_user on token_usages (user_id) where ended_at is null;
        create unique index token_usages_open_token on token_usages (token_id) where ended_at is null;
        create index token_usages_open_expires_at on token_usages (expires_at) where ended_at is null;
        """;

    private const string Fill = "insert into tokens (id, ordinal) select gen_random_uuid(), n from generate_series(0, $1 - 1) n";

    public static readonly TimeSpan Lease = Stage.LongLease;

    private const int Statements = 20;

    /// <summary>The connection string of a pool with so many connections, of which the driver closes none.</summary>
    public static string With(string connectionString, int connections) =>
        new NpgsqlConnectionStringBuilder(connectionString) { MinPoolSize = connections, MaxPoolSize = connections }.ConnectionString;

    /// <summary>Makes the tables and opens a store on them, with every connection there.</summary>
    public static async Task<IActivationStore> OpenAsync(
        string connectionString, int tokens, Func<NpgsqlDataSource, IActivationStore> open)
    {
        var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString)
        {
            MaxAutoPrepare = Statements,
            AutoPrepareMinUsages = 1,
            NoResetOnClose = true,
        });
        await CreateAsync(source, tokens);
        await ConnectAsync(source, new NpgsqlConnectionStringBuilder(connectionString).MaxPoolSize);
        return open(source);
    }

    private static async Task ConnectAsync(NpgsqlDataSource source, int connections)
    {
        var open = await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => source.OpenConnectionAsync().AsTask()));
        foreach (var connection in open) await connection.DisposeAsync();
    }

    /// <summary>Makes the tables and the tokens.</summary>
    public static async Task CreateAsync(NpgsqlDataSource source, int tokens)
    {
        await using var create = source.CreateCommand(Create);
        await create.ExecuteNonQueryAsync();
        await using var fill = source.CreateCommand(Fill);
        fill.Parameters.Add(new NpgsqlParameter { Value = tokens });
        await fill.ExecuteNonQueryAsync();
        await using var analyze = source.CreateCommand("analyze tokens");
        await analyze.ExecuteNonQueryAsync();
    }
}
