using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using TokenManager.Testing;
using Xunit.Abstractions;

namespace TokenManager.Crash.Tests;

[Collection(Undisturbed.Name)]
public sealed class DatabaseOutageTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(3);

    /// <summary>Reads wait for nothing but the processor.</summary>
    private static readonly TimeSpan Promptly = TimeSpan.FromSeconds(2);

    /// <summary>How long a caller waits at most, with something on top for a busy machine.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    [Fact]
    public Task A_node_lives_through_a_database_that_is_taken_away_in_whatever_way()
    {
        var outages = new (string Name, Func<PrivatePostgres, Task> TakeAway, Func<PrivatePostgres, Task> BringBack)[]
        {
            ("killed", server => server.KillAsync(), server => server.StartAgainAsync()),
            ("frozen", server => server.PauseAsync(), server => server.ContinueAsync()),
            ("stopped", server => server.StopAsync(), server => server.StartAgainAsync()),
        };

        // Side by side, because most of it is waiting.
        return Task.WhenAll(outages.Take(Amount.Outages)
            .Select(outage => LiveThroughAsync(outage.Name, outage.TakeAway, outage.BringBack)));
    }

    private async Task LiveThroughAsync(
        string name, Func<PrivatePostgres, Task> takeAway, Func<PrivatePostgres, Task> bringBack)
    {
        await using var server = await PrivatePostgres.StartAsync();
        using var database = await Database.CreateAsync(server);
        await using var node = await NodeProcess.StartAsync(database.Node(1000, Lease));
        var calls = new Calls(node);
        await calls.GrantedAsync(40);

        await takeAway(server);
        var gone = Stopwatch.GetTimestamp();
        await Eventually.Async(
            () => Stopwatch.GetElapsedTime(gone) >= Amount.Outage && calls.Activations.Any(call => call.Sent > gone),
            Amount.Outage * 2,
            node.Tail,
            "the outage is over, and somebody who asked in it has an answer");
        var returning = Stopwatch.GetTimestamp();
        await bringBack(server);
        var back = Stopwatch.GetTimestamp();
        var backAt = Api.Microseconds(TimeProvider.System.GetUtcNow());

        await Eventually.Async(
            () => calls.Activations.Any(call => call.Sent > returning && call.Reply.Status is HttpStatusCode.OK),
            Patience,
            node.Tail,
            "an activation that began after the return is granted");
        var recovery = Stopwatch.GetElapsedTime(
            back, calls.Activations.Where(call => call.Sent > returning && call.Reply.Status is HttpStatusCode.OK)
                .Min(call => call.Answered));
        await calls.StopAsync();

        var during = calls.Activations.Where(call => call.Sent > gone && call.Answered < returning).ToList();
        output.WriteLine(
            $"{name}: during {Tallied(during)}, slowest {Slowest(during):0.00} s; whole run {Tallied(calls.Activations)}, "
            + $"slowest {Slowest(calls.Activations):0.00} s; reads {calls.Reads.Count}, slowest {Slowest(calls.Reads):0.00} s; "
            + $"granted again {recovery.TotalSeconds:0.00} s after the return");
        Assert.All(calls.Reads, call => Assert.True(
            call.Reply.Status is HttpStatusCode.OK && call.Reply.Took < Promptly, $"{call.Reply}\n{node.Tail()}"));
        Assert.NotEmpty(during);
        Assert.All(during, call => Assert.True(
            call.Reply.Status is HttpStatusCode.ServiceUnavailable, $"{call.Reply}\n{node.Tail()}"));
        var wrong = calls.Activations.Where(call =>
            call.Reply.Status is not (HttpStatusCode.OK or HttpStatusCode.ServiceUnavailable) || call.Reply.Took >= Patience).ToList();
        Assert.True(wrong.Count == 0, $"{string.Join('\n', wrong)}\n{node.Tail()}");

        // Who was told nothing certain asks again with the same key, and sees what became of it.
        var unknown = calls.Activations.Where(call => call.Reply.Status is not HttpStatusCode.OK).ToList();
        var retries = await Task.WhenAll(unknown.Select(call => node.ActivateAsync(call.User, call.Key)));
        Assert.All(retries, retry => Assert.True(
            retry.Status is HttpStatusCode.OK || retry.Code is "idempotency_key_reused", $"{retry}\n{node.Tail()}"));

        var rows = await database.ReadRowsAsync();
        Audit.EveryGrantIsThere(
            calls.Activations.Select(call => call.Reply).Concat(retries)
                .Where(reply => reply.Status is HttpStatusCode.OK).Select(reply => reply.Grant),
            rows);
        await Eventually.Async(
            async () => (await database.ReadRowsAsync()).All(row => !row.IsOpen), Lease + Patience, node.Tail);
        var ended = await database.ReadRowsAsync();
        Audit.NothingWasHeldTwice(ended);
        var meanwhile = ended.Where(row => row.Expires < backAt && row.Ended > backAt - Api.Micro(Amount.Outage)).ToList();
        var latest = meanwhile.Count == 0 ? 0 : meanwhile.Max(row => row.Ended!.Value) - backAt;
        output.WriteLine(
            $"{name}: {meanwhile.Count} leases fell due meanwhile, the last released {latest / 1000} ms after the return; "
            + $"the latest of the others {ended.Except(meanwhile).Max(row => row.Ended!.Value - row.Expires) / 1000} ms late; "
            + $"retries {Tallied(retries)}");
        Assert.NotEmpty(meanwhile);
        Assert.InRange(latest, long.MinValue, Api.Micro(Patience));

        // Nobody is locked out, and no token is lost.
        var everybody = calls.Activations.Select(call => call.User).Distinct().Take(1000).ToList();
        var again = await Task.WhenAll(everybody.Select(user => node.ActivateAsync(user)));
        Assert.All(again, reply => Assert.True(reply.Status is HttpStatusCode.OK, $"{reply}\n{node.Tail()}"));
        Assert.Equal(HttpStatusCode.OK, (await node.ClearAsync()).Status);
        var atTheEnd = await database.ReadRowsAsync();
        Assert.DoesNotContain(atTheEnd, row => row.IsOpen);
        Audit.NothingWasHeldTwice(atTheEnd);
    }

    private static string Tallied(IEnumerable<Call> calls) => Tallied(calls.Select(call => call.Reply));

    private static string Tallied(IEnumerable<Reply> replies)
    {
        var tally = new Tally();
        foreach (var reply in replies) tally.Add(reply.Word);
        return tally.ToString();
    }

    private static double Slowest(IEnumerable<Call> calls) => calls.Max(call => call.Reply.Took).TotalSeconds;

    private sealed record Call(Guid User, Guid Key, long Sent, long Answered, Reply Reply);

    /// <summary>Readers, and callers that activate for one new user after another.</summary>
    private sealed class Calls
    {
        private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(40);
        private readonly NodeProcess _node;
        private readonly Task _running;
        private volatile bool _stop;

        public Calls(NodeProcess node)
        {
            _node = node;
            _running = Task.WhenAll(
            [
                .. Enumerable.Range(0, 2).Select(_ => RunAsync(Reads, (_, _) => node.GetAsync("/api/tokens"))),
                .. Enumerable.Range(0, 8).Select(_ => RunAsync(Activations, (user, key) => node.ActivateAsync(user, key))),
            ]);
        }

        public ConcurrentQueue<Call> Reads { get; } = new();

        public ConcurrentQueue<Call> Activations { get; } = new();

        public Task GrantedAsync(int count) => Eventually.Async(
            () => Activations.Count(call => call.Reply.Status is HttpStatusCode.OK) >= count,
            TimeSpan.FromSeconds(15),
            _node.Tail);

        public Task StopAsync()
        {
            _stop = true;
            return _running;
        }

        private async Task RunAsync(ConcurrentQueue<Call> calls, Func<Guid, Guid, Task<Reply>> send)
        {
            while (!_stop)
            {
                var (user, key, sent) = (Guid.NewGuid(), Guid.NewGuid(), Stopwatch.GetTimestamp());
                var reply = await send(user, key);
                calls.Enqueue(new Call(user, key, sent, Stopwatch.GetTimestamp(), reply));
                await Task.Delay(Interval);
            }
        }
    }
}
