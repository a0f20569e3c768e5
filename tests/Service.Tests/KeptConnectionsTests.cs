using Npgsql;
using TokenManager.Testing;

namespace TokenManager.Service.Tests;

/// <summary>
/// What a node has opened for bursts of work stays open between them, however soon the driver would close it. It had closed
/// most of it every five minutes, and leases ended more than a second late in the seconds after that.
/// </summary>
public sealed class KeptConnectionsTests
{
    private const int Burst = 8;
    private static readonly TimeSpan SeveralTimesTheDriversInterval = TimeSpan.FromSeconds(4);

    [Fact]
    public Task Connections_stay_open_between_bursts() =>
        // Side by side, because most of it is waiting.
        Task.WhenAll(StayOpenAsync(overSocket: false), StayOpenAsync(overSocket: true));

    private static async Task StayOpenAsync(bool overSocket)
    {
        var server = await PrivatePostgres.SharedAsync();
        var database = await server.CreateDatabaseAsync();
        if (overSocket) database = new NpgsqlConnectionStringBuilder(database) { Host = server.SocketFolder }.ConnectionString;
        await using var node = await NodeProcess.StartAsync(new NodeSettings
        {
            Configuration = new Dictionary<string, string>
            {
                ["ConnectionStrings:TokenManager"] = $"{database};Connection Pruning Interval=1;Connection Idle Lifetime=1",
            },
        });
        var caller = new Caller(node);
        HashSet<int> opened = [];
        await Eventually.Async(
            async () =>
            {
                await Task.WhenAll(Enumerable.Range(0, Burst).Select(_ => caller.ActivateAsync(Guid.NewGuid())));
                await caller.ClearAsync();
                opened = await ConnectionsAsync(database);
                return opened.Count > Burst;
            },
            TimeSpan.FromSeconds(30),
            node.Tail,
            "bursts have opened more connections than one has requests");
        await Task.Delay(SeveralTimesTheDriversInterval);

        Assert.Superset(opened, await ConnectionsAsync(database));
    }

    private static async Task<HashSet<int>> ConnectionsAsync(string database)
    {
        await using var connection = new NpgsqlConnection($"{database};Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            select pid from pg_stat_activity
            where datname = current_database() and application_name in ('token-manager-ledger', 'token-manager-journal')
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync();
        var processes = new HashSet<int>();
        while (await reader.ReadAsync()) processes.Add(reader.GetInt32(0));
        return processes;
    }
}
