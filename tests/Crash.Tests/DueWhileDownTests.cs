using TokenManager.Testing;
using Xunit.Abstractions;

namespace TokenManager.Crash.Tests;

/// <summary>Leases that end while their node is down, by the ledger's times.</summary>
[Collection(Undisturbed.Name)]
public sealed class DueWhileDownTests(ITestOutputHelper output)
{
    [Fact]
    public Task What_fell_due_while_the_node_was_down_is_released_at_once_and_the_rest_at_its_time() =>
        // Side by side, because most of it is waiting.
        Task.WhenAll(ReleasedInTimeAsync(StoreKind.Sqlite), ReleasedInTimeAsync(StoreKind.Postgres));

    private async Task ReleasedInTimeAsync(StoreKind store)
    {
        var lease = TimeSpan.FromSeconds(5);
        using var database = await Database.CreateAsync(store);
        await using var node = await NodeProcess.StartAsync(database.Node(100, lease));
        var early = await node.ActivateManyAsync(25);
        await PassedAsync(early.Max(grant => grant.Started) + Api.Micro(lease * 0.6));
        var late = await node.ActivateManyAsync(25);
        await node.KillAsync();

        await PassedAsync(early.Max(grant => grant.Expires));
        node.Relaunch();
        await node.WaitReadyAsync();
        var ready = Now();

        await Eventually.Async(async () => (await database.ReadRowsAsync()).All(row => !row.IsOpen), lease * 3, node.Tail);
        var rows = await database.ReadRowsAsync();
        Audit.NothingWasHeldTwice(rows);
        Audit.EveryGrantIsThere(early.Concat(late), rows);
        Assert.All(rows, row => Assert.Equal("expired", row.Reason));
        var latest = rows.MaxBy(Lateness)!;
        var lateness = Lateness(latest);
        output.WriteLine(
            $"{store}: due while down: {rows.Count(row => row.Expires <= ready)} of {rows.Count}; latest release "
            + $"{lateness / 1000} ms after ready or due, whichever came later: token {latest.TokenId}, due "
            + $"{(latest.Expires - ready) / 1000} ms after ready\n{node.Tail()}");
        Assert.InRange(lateness, long.MinValue, Api.Micro(TimeSpan.FromSeconds(1)));
        await Eventually.Async(async () => (await node.ListAsync()).All(token => token.UserId is null), TimeSpan.FromSeconds(3));

        long Lateness(Row row) => row.Ended!.Value - Math.Max(row.Expires, ready);
    }

    private static Task PassedAsync(long moment) =>
        Eventually.Async(() => Now() > moment, TimeSpan.FromSeconds(30), expression: "the moment has passed");

    private static long Now() => Api.Microseconds(TimeProvider.System.GetUtcNow());
}
