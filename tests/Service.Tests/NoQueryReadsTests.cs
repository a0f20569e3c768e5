using System.Net.Http.Json;
using System.Text.Json.Serialization;
using Npgsql;
using TokenManager.Testing;
using Xunit.Abstractions;

namespace TokenManager.Service.Tests;

/// <summary>
/// List and details come from memory: the server's own counters of every statement that it ran (pg_stat_statements)
/// stand still while they are read. With a sweep an hour, no other nodes to find, and nobody asking for its health, the
/// node sends none of its own.
/// </summary>
public sealed class NoQueryReadsTests(ITestOutputHelper output)
{
    private const int Rounds = 250;

    [Fact]
    public async Task List_and_details_run_no_query()
    {
        await using var postgres = await PrivatePostgres.StartAsync(durable: false, libraries: "pg_stat_statements");
        var database = await postgres.CreateDatabaseAsync();
        await using var counters = await Counters.OpenAsync(database);
        await using var node = await NodeProcess.StartAsync(new NodeSettings
        {
            Configuration = new Dictionary<string, string>
            {
                ["ConnectionStrings:TokenManager"] = database,
                ["TokenManager:Pool:Lease"] = "01:00:00",
                ["TokenManager:Pool:SweepInterval"] = "01:00:00",
                ["TokenManager:Cluster:Discovery"] = "None",
                ["TokenManager:Management:Url"] = "http://127.0.0.1:0",
            },
        });
        var caller = new Caller(node);
        var grants = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => caller.ActivateAsync(Guid.NewGuid())));
        var ids = await caller.TokensAsync();
        // A grant that took its time was asked for twice, and the ledger is asked about the second one.
        await Eventually.Async(
            async () => await node.Client.GetFromJsonAsync<PoolFigures>(new Uri(node.ManagementAddress, "pool"))
                is { InFlight: 0, Waiting: 0 },
            TimeSpan.FromSeconds(10),
            expression: "the pool has nothing to do");
        var before = await counters.ReadAsync();

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

        var after = await counters.ReadAsync();
        Assert.Empty(after.Except(before).Concat(before.Except(after)));
        output.WriteLine($"{4 * Rounds} reads; calls of {before.Count} statements before and after: {before.Values.Sum()}");
        // What is counted does show a query.
        await caller.HistoryAsync(grants[0].TokenId);
        Assert.NotEqual(before, await counters.ReadAsync());
    }

    private sealed record PoolFigures(
        [property: JsonPropertyName("in_flight")] int InFlight, [property: JsonPropertyName("waiting")] int Waiting);

    private sealed class Counters(NpgsqlConnection connection, string database) : IAsyncDisposable
    {
        public static async Task<Counters> OpenAsync(string watched)
        {
            var settings = new NpgsqlConnectionStringBuilder(watched);
            var database = settings.Database!;
            // From outside, so that watching is not part of what is watched.
            settings.Database = "postgres";
            settings.Pooling = false;
            var connection = new NpgsqlConnection(settings.ToString());
            await connection.OpenAsync();
            await using var extension = new NpgsqlCommand("create extension pg_stat_statements", connection);
            await extension.ExecuteNonQueryAsync();
            return new Counters(connection, database);
        }

        /// <summary>How often each statement ran, but for the one by which the driver keeps idle connections alive.</summary>
        public async Task<SortedDictionary<string, long>> ReadAsync()
        {
            await using var command = new NpgsqlCommand(
                """
                select query, sum(calls)::bigint from pg_stat_statements
                where dbid = (select oid from pg_database where datname = $1) and query not ilike 'select null%'
                group by query
                """,
                connection);
            command.Parameters.Add(new NpgsqlParameter { Value = database });
            await using var reader = await command.ExecuteReaderAsync();
            var calls = new SortedDictionary<string, long>(StringComparer.Ordinal);
            while (await reader.ReadAsync()) calls.Add(reader.GetString(0), reader.GetInt64(1));
            return calls;
        }

        public ValueTask DisposeAsync() => connection.DisposeAsync();
    }
}
