using System.Globalization;
using Npgsql;
using TokenManager.Testing;
using Xunit.Abstractions;

namespace TokenManager.Service.Tests;

/// <summary>
/// List and details come from memory. The server says when each connection of the node last ran anything, and how many
/// connections there ever were; with a sweep an hour, and nobody asking for its health, the node's own statements are
/// none. What the node does in an idle time of the same length is measured all the same.
/// </summary>
public sealed class NoQueryReadsTests(ITestOutputHelper output)
{
    private const int Rounds = 1000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task List_and_details_run_no_query()
    {
        var settings = await new PostgresStore().NewAsync(
            ("TokenManager:Pool:Lease", "01:00:00"), ("TokenManager:Pool:SweepInterval", "01:00:00"));
        await using var node = await NodeProcess.StartAsync(settings);
        await using var observer = await Observer.OpenAsync(settings.Configuration["ConnectionStrings:TokenManager"]);
        var caller = new Caller(node);
        var grants = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => caller.ActivateAsync(Guid.NewGuid())));
        await caller.HistoryAsync(grants[0].TokenId);
        var statements = await observer.SettleAsync();

        var idleFrom = await observer.SeeAsync();
        await Task.Delay(TimeSpan.FromSeconds(2));
        var idle = await observer.SeeAsync();
        Assert.Equal(idleFrom, idle);

        var ids = await caller.TokensAsync();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async worker =>
        {
            for (var i = worker; i < Rounds; i += 8)
            {
                Assert.Equal(50, (await caller.HoldersAsync()).Count);
                Assert.Equal(50, await caller.ActiveCountAsync());
                _ = (await caller.GetAsync($"/api/tokens/{ids[i % ids.Length]}")).Data;
                Assert.Equal("token_not_found", (await caller.GetAsync($"/api/tokens/{Guid.NewGuid()}")).Code);
            }
        }));
        var read = await observer.SeeAsync();

        Assert.NotEmpty(idle);
        Assert.Equal(idle, read);
        Assert.Equal(statements, await observer.SettleAsync());
        // What is measured does show a query.
        await caller.HistoryAsync(grants[0].TokenId);
        Assert.NotEqual(read, await observer.SeeAsync());
        await Eventually.Async(async () => await observer.CountAsync() > statements, TimeSpan.FromSeconds(20));
        output.WriteLine($"{4 * Rounds} reads; statements before and after: {statements}");
    }

    private sealed class Observer(NpgsqlConnection connection, string database) : IAsyncDisposable
    {
        public static async Task<Observer> OpenAsync(string watched)
        {
            var settings = new NpgsqlConnectionStringBuilder(watched);
            var database = settings.Database!;
            // From outside, so that watching is not part of what is watched.
            settings.Database = "postgres";
            settings.Pooling = false;
            var connection = new NpgsqlConnection(settings.ToString());
            await connection.OpenAsync();
            return new Observer(connection, database);
        }

        /// <summary>Every connection to the database and the moment its last statement began; and how many there ever were.</summary>
        public async Task<List<string>> SeeAsync()
        {
            await using var command = new NpgsqlCommand(
                """
                select pid || ' ' || backend_start || ' ' || query_start from pg_stat_activity where datname = $1
                union all
                select 'sessions ' || sessions from pg_stat_database where datname = $1
                order by 1
                """,
                connection);
            command.Parameters.Add(new NpgsqlParameter { Value = database });
            await using var reader = await command.ExecuteReaderAsync();
            var seen = new List<string>();
            while (await reader.ReadAsync()) seen.Add(reader.GetString(0));
            return seen;
        }

        /// <summary>How many transactions there were, as far as connections have reported them.</summary>
        public async Task<long> CountAsync()
        {
            await using var command = new NpgsqlCommand(
                "select xact_commit + xact_rollback from pg_stat_database where datname = $1", connection);
            command.Parameters.Add(new NpgsqlParameter { Value = database });
            return Convert.ToInt64(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture);
        }

        /// <summary>The count, once idle connections have reported: the server lets them take ten seconds.</summary>
        public async Task<long> SettleAsync()
        {
            await Task.Delay(TimeSpan.FromSeconds(10.5));
            var count = await CountAsync();
            await Eventually.Async(
                async () =>
                {
                    var before = count;
                    await Task.Delay(TimeSpan.FromMilliseconds(500));
                    count = await CountAsync();
                    return before == count;
                },
                Patience);
            return count;
        }

        public ValueTask DisposeAsync() => connection.DisposeAsync();
    }
}
