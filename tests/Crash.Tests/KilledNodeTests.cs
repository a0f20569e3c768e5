using System.Net;
using TokenManager.Testing;
using Xunit.Abstractions;

namespace TokenManager.Crash.Tests;

[Collection(LongestFirst.Prefix + "killed")]
public sealed class KilledNodeTests(ITestOutputHelper output)
{
    private const int Size = 50;

    [Theory]
    [InlineData(StoreKind.Sqlite)]
    [InlineData(StoreKind.Postgres)]
    public async Task Nothing_acknowledged_is_lost_and_nothing_is_held_twice_however_often_the_node_is_killed(StoreKind store)
    {
        using var database = await Database.CreateAsync(store);
        await using var node = await NodeProcess.StartAsync(database.Node(Size, TimeSpan.FromMinutes(2)));
        var address = node.BaseAddress;
        var held = await node.ActivateManyAsync(Size);
        var list = await node.ListAsync();

        await node.KillAsync();
        node.Relaunch(database.Node(Size, TimeSpan.FromSeconds(3)));
        await node.WaitReadyAsync();

        Assert.Equal(address, node.BaseAddress);
        Assert.Equal(list, await node.ListAsync());
        await AreStillHeldAsync(node, held);
        Assert.Equal(HttpStatusCode.OK, (await node.ClearAsync()).Status);

        var grants = new List<Grant>(held);
        var statuses = new Tally();
        var retries = new Tally();
        var random = new Random(17);
        var slowestStart = TimeSpan.Zero;
        for (var crash = 0; crash < Amount.Crashes; crash++)
        {
            var traffic = Traffic.Start([node], users: 2 * Size, workers: 24, seed: crash);
            await traffic.AnsweredAsync(random.Next(50, 600));
            await node.KillAsync();
            await traffic.StopAsync();
            grants.AddRange(traffic.Grants);
            statuses.Add(traffic.Statuses);

            var started = Now();
            node.Relaunch();
            await node.WaitReadyAsync();
            slowestStart = Max(slowestStart, TimeSpan.FromMicroseconds(Now() - started));

            var again = await Task.WhenAll(traffic.Unanswered.Select(async request =>
                (request.User, request.Key, Retry: await AskAgainAsync(node, request.User, request.Key, retries))));
            foreach (var (user, key, retry) in again)
            {
                Assert.True(retry.Status is HttpStatusCode.OK or HttpStatusCode.UnprocessableEntity, $"{retry}\n{node.Tail()}");
                if (retry.Status is not HttpStatusCode.OK) continue;
                Assert.Equal((user, key), (retry.Grant.UserId, retry.Grant.UsageId));
                grants.Add(retry.Grant);
            }

            var rows = await database.ReadRowsAsync();
            Audit.NothingWasHeldTwice(rows);
            Audit.EveryGrantIsThere(grants, rows);
        }

        output.WriteLine($"{Amount.Crashes} crashes; answers {statuses}; retries of what got none {retries}; "
            + $"{grants.Count} grants; slowest start {slowestStart.TotalSeconds:0.00} s");

        await LendTheWholePoolAsync(node);
        var atTheEnd = await database.ReadRowsAsync();
        Assert.DoesNotContain(atTheEnd, row => row.IsOpen);
        Audit.NothingWasHeldTwice(atTheEnd);
        Audit.EveryGrantIsThere(grants, atTheEnd);
        await Audit.TheJournalComesToAgreeAsync(atTheEnd, database, TimeSpan.FromSeconds(30));
        foreach (var token in await node.ListAsync())
        {
            var history = await node.HistoryAsync(token.TokenId);
            Assert.Equal(
                atTheEnd.Where(row => row.TokenId == token.TokenId).Select(row => row with { Expires = 0 }).Reverse(), history);
        }
    }

    private static async Task AreStillHeldAsync(NodeProcess node, IReadOnlyList<Grant> grants)
    {
        Assert.Equal(Expected(grants), Active(await node.ListAsync()));
        foreach (var grant in grants)
        {
            var details = await node.GetAsync($"/api/tokens/{grant.TokenId}");
            var usage = details.Data.GetProperty("active_usage");
            Assert.Equal(grant.UserId, usage.GetProperty("user_id").GetGuid());
            Assert.Equal(grant.Started, Api.Microseconds(usage.GetProperty("started_at")));
            Assert.Equal(grant.Expires, Api.Microseconds(usage.GetProperty("expires_at")));
            var running = Assert.Single(await node.HistoryAsync(grant.TokenId), row => row.IsOpen);
            Assert.Equal((grant.UsageId, grant.Fence, grant.UserId), (running.UsageId, running.Fence, running.UserId));
            Assert.Equal(grant, (await node.ActivateAsync(grant.UserId, grant.UsageId)).Grant);
        }
    }

    // A cold node on a busy machine may be too slow for the first ones: they are told so, and ask once more.
    private static async Task<Reply> AskAgainAsync(NodeProcess node, Guid user, Guid key, Tally tally)
    {
        for (var tries = 1; ; tries++)
        {
            var reply = await node.ActivateAsync(user, key);
            tally.Add(reply.Word);
            if (reply.Status is not HttpStatusCode.ServiceUnavailable || tries == 3) return reply;
        }
    }

    /// <summary>Wakes every token there is, and so proves that none is locked up.</summary>
    private static async Task LendTheWholePoolAsync(NodeProcess node)
    {
        Assert.Equal(HttpStatusCode.OK, (await node.ClearAsync()).Status);
        var lent = await node.ActivateManyAsync(Size);
        Assert.Equal(Size, lent.DistinctBy(grant => grant.TokenId).Count());
        var cleared = await node.ClearAsync();
        Assert.Equal(HttpStatusCode.OK, cleared.Status);
    }

    private static IReadOnlyList<Listed> Expected(IEnumerable<Grant> grants) =>
    [
        .. grants
            .Select(grant => new Listed(grant.TokenId, grant.UserId, grant.Started, grant.Expires))
            .OrderBy(token => token.TokenId),
    ];

    private static IReadOnlyList<Listed> Active(IEnumerable<Listed> tokens) =>
        [.. tokens.Where(token => token.UserId is not null).OrderBy(token => token.TokenId)];

    private static long Now() => Api.Microseconds(TimeProvider.System.GetUtcNow());

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
