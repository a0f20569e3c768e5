using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using TokenManager.Testing;
using Xunit.Abstractions;

namespace TokenManager.Service.Tests;

/// <summary>
/// Bad requests, some thousand of them, or as many as <c>TOKEN_MANAGER_FUZZ_REQUESTS</c> says (100000 for a full run).
/// </summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    private const string CountVariable = "TOKEN_MANAGER_FUZZ_REQUESTS";
    private const int DefaultCount = 2_500;
    private const int Seed = 20261;
    private const int Connections = 16;

    // What one connection has to keep is freed with it, so growth must not depend on the number of requests. The
    // collector of a server with little to do lets garbage lie: 150 MB is several times what it was seen to keep, and a
    // leak of 2 KB for each request would exceed it in a full run.
    private const long MostGrowth = 150L << 20;

    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task No_bad_request_breaks_anything_changes_anything_or_leaves_anything_behind()
    {
        var count = int.TryParse(
            Environment.GetEnvironmentVariable(CountVariable), CultureInfo.InvariantCulture, out var asked) ? asked : DefaultCount;
        await using var node = await NodeProcess.StartAsync(await new SqliteStore().NewAsync(("TokenManager:Pool:Lease", "1.00:00:00")));
        var caller = new Caller(node);
        var grants = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => caller.ActivateAsync(Guid.NewGuid())));
        await caller.ReleaseAsync(grants[0]);
        var token = grants[1].TokenId;
        var list = await caller.ListTextAsync();
        var ledger = (await caller.LedgerAsync()).ToHashSet();

        await SendAsync(node, new BadRequests(Seed - 1, token), 1_000, []);
        var before = node.ResidentMemory;
        var started = Stopwatch.GetTimestamp();
        var statuses = new ConcurrentDictionary<string, int>();
        await SendAsync(node, new BadRequests(Seed, token), count, statuses);
        var took = Stopwatch.GetElapsedTime(started);
        var after = node.ResidentMemory;

        output.WriteLine(
            $"{count} requests in {took.TotalSeconds:0.0} s; resident memory {before >> 20} MB before, {after >> 20} MB after; "
            + string.Join(", ", statuses.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key}: {pair.Value}")));
        Assert.Equal(count, statuses.Values.Sum());
        Assert.True(statuses.Count > 5, "Requests were expected to fail in many ways.");
        Assert.Equal(list, await caller.ListTextAsync());
        Assert.Equal(ledger, (await caller.LedgerAsync()).ToHashSet());
        Assert.InRange(after - before, long.MinValue, MostGrowth);
        Assert.DoesNotContain(node.Output, line => line.Contains("fail:", StringComparison.Ordinal));
        Assert.Empty(node.Errors);
        // Still at work.
        await caller.ActivateAsync(Guid.NewGuid());
    }

    private static async Task SendAsync(
        NodeProcess node, BadRequests requests, int count, ConcurrentDictionary<string, int> statuses)
    {
        var sent = 0;
        await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => Task.Run(async () =>
        {
            while (true)
            {
                BadRequest request;
                lock (requests)
                {
                    if (sent++ >= count) return;
                    request = requests.Next();
                }

                var answer = await SendAsync(node.BaseAddress, request);
                var status = answer.StartsWith("HTTP/1.1 ", StringComparison.Ordinal) ? answer[9..12] : answer;
                Assert.True(
                    !status.StartsWith('5') || (status == "505" && request.AsksForAnUnknownVersion),
                    $"{answer}\n--- to\n{Encoding.Latin1.GetString(request.Bytes)}");
                statuses.AddOrUpdate(status, 1, (_, n) => n + 1);
            }
        })));
    }

    /// <returns>The answer's first line and what came with it, "closed" for none, "reset" if the server cut it off.</returns>
    private static async Task<string> SendAsync(Uri address, BadRequest request)
    {
        using var client = new TcpClient { NoDelay = true, LingerState = new LingerOption(true, 0) };
        using var limit = new CancellationTokenSource(AnswerLimit);
        await client.ConnectAsync(address.Host, address.Port, limit.Token);
        var stream = client.GetStream();
        try
        {
            var size = (request.Bytes.Length / request.Chunks) + 1;
            foreach (var part in request.Bytes.Chunk(size)) await stream.WriteAsync(part, limit.Token);
            // What is not whole is not answered before it is clear that no more will come.
            var buffer = new byte[4096];
            var reading = stream.ReadAsync(buffer, limit.Token).AsTask();
            if (await Task.WhenAny(reading, Task.Delay(TimeSpan.FromMilliseconds(300), limit.Token)) != reading)
                client.Client.Shutdown(SocketShutdown.Send);
            var read = await reading;
            return read == 0 ? "closed" : Encoding.Latin1.GetString(buffer, 0, read);
        }
        catch (Exception cut) when (cut is IOException or SocketException)
        {
            return "reset";
        }
    }
}
