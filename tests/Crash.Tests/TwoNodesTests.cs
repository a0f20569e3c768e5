using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using TokenManager.Testing;
using Xunit.Abstractions;

namespace TokenManager.Crash.Tests;

/// <summary>Two nodes that know nothing of each other, each with a pool and token actors of its own, on one database.</summary>
[Collection(Undisturbed.Name)]
public sealed class TwoNodesTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Two_nodes_that_race_for_the_same_users_never_let_anything_be_held_twice()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        var settings = Strangers.Of(database.Node(400, TimeSpan.FromSeconds(2), sweep: TimeSpan.FromSeconds(1)));
        await using var first = NodeProcess.Launch(settings);
        await using var second = NodeProcess.Launch(settings);
        await Task.WhenAll(first.WaitReadyAsync(), second.WaitReadyAsync());
        NodeProcess[] nodes = [first, second];
        var users = Enumerable.Range(0, 1000).Select(_ => Guid.NewGuid()).ToArray();
        var (activations, retries, releases) = (new Tally(), new Tally(), new Tally());
        var grants = new ConcurrentQueue<Grant>();
        var bad = new ConcurrentQueue<Reply>();
        var slowest = new ConcurrentBag<TimeSpan>();
        var started = Stopwatch.GetTimestamp();

        var watch = Task.Run(async () =>
        {
            var polls = 0;
            for (; Stopwatch.GetElapsedTime(started) < Amount.Race; polls++)
            {
                var open = (await database.ReadRowsAsync()).Where(row => row.IsOpen).ToList();
                Assert.Equal(open.Count, open.DistinctBy(row => row.UserId).Count());
                Assert.Equal(open.Count, open.DistinctBy(row => row.TokenId).Count());
                await Task.Delay(TimeSpan.FromMilliseconds(200));
            }

            return polls;
        });
        await Task.WhenAll(Enumerable.Range(0, 12).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            while (Stopwatch.GetElapsedTime(started) < Amount.Race)
            {
                var user = users[random.Next(users.Length)];
                Guid[] keys = [Guid.NewGuid(), Guid.NewGuid()];
                var replies = await Task.WhenAll(nodes.Zip(keys, (node, key) => node.ActivateAsync(user, key)));
                foreach (var (node, reply) in nodes.Zip(replies))
                {
                    Note(activations, reply);
                    if (reply.Status is not HttpStatusCode.OK) continue;
                    grants.Enqueue(reply.Grant);
                    var other = nodes[random.Next(2)];
                    if (random.Next(3) == 0)
                    {
                        var retry = await other.ActivateAsync(user, reply.Grant.UsageId);
                        Note(retries, retry);
                        if (retry.Status is HttpStatusCode.OK) Assert.Equal(reply.Grant, retry.Grant);
                    }

                    if (random.Next(2) == 0) Note(releases, await other.ReleaseAsync(reply.Grant.TokenId, reply.Grant.UsageId));
                }
            }
        })));
        var polls = await watch;
        output.WriteLine(
            $"activations {activations}; retries {retries}; releases {releases}; slowest {slowest.Max().TotalSeconds:0.00} s; "
            + $"ledger read {polls} times");
        Assert.True(bad.IsEmpty, $"{string.Join('\n', bad.Take(5))}\n{first.Tail()}\n{second.Tail()}");

        await AgreeAsync(database, nodes);
        var rows = await database.ReadRowsAsync();
        Audit.NothingWasHeldTwice(rows);
        Audit.EveryGrantIsThere(grants, rows);

        void Note(Tally tally, Reply reply)
        {
            tally.Add(reply.Word);
            slowest.Add(reply.Took);
            if (reply.Status is not (HttpStatusCode.OK or HttpStatusCode.UnprocessableEntity)) bad.Enqueue(reply);
        }
    }

    [Fact]
    public async Task A_node_that_was_paused_for_longer_than_its_leases_does_no_harm_when_it_goes_on()
    {
        var lease = TimeSpan.FromSeconds(2);
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        var settings = Strangers.Of(database.Node(30, lease, sweep: TimeSpan.FromSeconds(1)));
        await using var first = NodeProcess.Launch(settings);
        await using var second = NodeProcess.Launch(settings);
        await Task.WhenAll(first.WaitReadyAsync(), second.WaitReadyAsync());
        var before = Traffic.Start([first], users: 60, workers: 12, seed: 1);
        await before.AnsweredAsync(100);

        // Paused while it holds something: the moment after a clear is not the one.
        List<Row> held;
        while (true)
        {
            await first.PauseAsync();
            held = [.. (await database.ReadRowsAsync()).Where(row => row.IsOpen)];
            if (held.Count > 0) break;
            await first.ContinueAsync();
            await before.AnsweredAsync(before.Statuses.Total + 10);
        }

        var during = Traffic.Start([second], users: 60, workers: 12, seed: 2);
        await Eventually.Async(
            async () =>
            {
                var rows = await database.ReadRowsAsync();
                // Every usage of the paused node has ended without it, and its tokens have been lent on.
                return held.All(old => rows.Any(row => row.TokenId == old.TokenId && row.Fence > old.Fence));
            },
            TimeSpan.FromSeconds(20),
            second.Tail);
        await first.ContinueAsync();
        await before.AnsweredAsync(before.Statuses.Total + 100);
        await Task.WhenAll(before.StopAsync(), during.StopAsync());
        output.WriteLine($"paused node: {before.Statuses}; other node: {during.Statuses}");
        Assert.Equal(0, before.Statuses["500 internal_error"] + during.Statuses["500 internal_error"]);
        Assert.True(during.Unavailable.IsEmpty, $"{string.Join('\n', during.Unavailable)}\n{second.Tail()}");

        await AgreeAsync(database, [first, second]);
        var rows = await database.ReadRowsAsync();
        Audit.NothingWasHeldTwice(rows);
        Audit.EveryGrantIsThere(before.Grants.Concat(during.Grants), rows);
        await Eventually.Async(
            async () => (await database.ReadRowsAsync()).All(row => !row.IsOpen), lease * 3, first.Tail);
        await AgreeAsync(database, [first, second]);
    }

    private async Task AgreeAsync(Database database, IReadOnlyList<NodeProcess> nodes) => output.WriteLine(
        $"all nodes agree with the ledger after {(await Nodes.AgreeWithAsync(database, nodes)).TotalMilliseconds:0} ms");
}
