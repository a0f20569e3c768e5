using System.Collections.Concurrent;
using System.Net;
using TokenManager.Testing;

namespace TokenManager.Service.Tests;

/// <summary>What holds when a node ends and comes back.</summary>
public abstract class RestartBehaviour<TStore>
    where TStore : TestStore, new()
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task What_was_answered_stands_over_restarts_at_rest_and_in_traffic_and_fences_go_on_rising()
    {
        await using var node = await NodeProcess.StartAsync(await new TStore().NewAsync());
        var caller = new Caller(node);
        var grants = await ActivateAsync(caller, 100);
        var list = await caller.ListTextAsync();
        var ledger = (await caller.LedgerAsync()).ToHashSet();

        await node.RestartAsync();

        Assert.Equal(list, await caller.ListTextAsync());
        Assert.Equal(ledger, (await caller.LedgerAsync()).ToHashSet());
        // The same key and user get the same answer, however many runs later.
        Assert.Equal(grants[17], await caller.ActivateAsync(grants[17].UserId, grants[17].UsageId));
        (await caller.TryActivateAsync(Guid.NewGuid(), grants[17].UsageId)).AssertRefused("idempotency_key_reused");
        (await caller.TryActivateAsync(Guid.NewGuid())).AssertRefused("no_tokens_available");
        (await caller.TryActivateAsync(grants[17].UserId)).AssertRefused("user_already_active");

        foreach (var grant in grants.Take(50)) await caller.ReleaseAsync(grant);
        Assert.Equal(50, await caller.ClearAsync());
        (await caller.TryActivateAsync(grants[17].UserId, grants[17].UsageId)).AssertRefused("idempotency_key_reused");

        await RestartInTrafficAsync(node, caller);

        (await caller.TryActivateAsync(grants[17].UserId, grants[17].UsageId)).AssertRefused("idempotency_key_reused");
        await caller.ClearAsync();
        var fences = grants.ToDictionary(grant => grant.TokenId, grant => grant.Fence);
        var again = await ActivateAsync(caller, 100);
        Assert.Equal(100, again.Select(grant => grant.TokenId).Distinct().Count());
        Assert.All(again, grant => Assert.True(grant.Fence > fences[grant.TokenId]));
    }

    /// <summary>Tells the node to end while everybody asks, starts it again, and looks whether it keeps every promise it made.</summary>
    private static async Task RestartInTrafficAsync(NodeProcess node, Caller caller)
    {
        var granted = new ConcurrentDictionary<Guid, Grant>();
        var ended = new ConcurrentDictionary<Guid, string>();
        var doubtful = new ConcurrentDictionary<Guid, bool>();
        var failures = new ConcurrentBag<string>();

        var traffic = Enumerable.Range(0, 16).Select(worker => Task.Run(async () =>
        {
            var kept = worker % 2;
            try
            {
                while (true)
                {
                    if (await NoteAsync(caller.TryActivateAsync(Guid.NewGuid())) is { Status: HttpStatusCode.OK } answer)
                    {
                        var grant = answer.ToGrant();
                        granted[grant.UsageId] = grant;
                        // Each keeps a few, so that the pool is never exhausted.
                        if (++kept > 5)
                        {
                            doubtful[grant.UsageId] = true;
                            var release = await NoteAsync(caller.TryReleaseAsync(grant.TokenId, grant.UsageId));
                            if (release.Status is HttpStatusCode.OK) ended[grant.UsageId] = "released";
                            doubtful.TryRemove(grant.UsageId, out bool _);
                        }
                    }

                    await NoteAsync(caller.GetAsync("/api/tokens"));
                }
            }
            catch (HttpRequestException)
            {
                // The node does not listen any more, or closed the connection.
            }
        })).ToArray();
        await Eventually.Async(() => granted.Count > 120, Patience, node.Tail);
        var stopping = node.TerminateAsync();
        await Task.WhenAll(traffic);
        Assert.Equal(0, await stopping);

        Assert.True(failures.IsEmpty, $"{string.Join('\n', failures.GroupBy(one => one).Select(same => $"{same.Count()} x {same.Key}"))}\n{node.Tail()}");
        Assert.Empty(node.Errors);
        node.Relaunch();
        await node.WaitReadyAsync();
        var ledger = (await caller.LedgerAsync()).ToDictionary(usage => usage.UsageId);
        Assert.All(granted.Values, grant =>
        {
            var usage = ledger[grant.UsageId];
            Assert.Equal(
                (grant.TokenId, grant.UserId, grant.Fence, grant.ActivatedAt),
                (usage.TokenId, usage.UserId, usage.Fence, usage.StartedAt));
            if (!doubtful.ContainsKey(grant.UsageId)) Assert.Equal(ended.GetValueOrDefault(grant.UsageId), usage.EndReason);
        });
        Assert.Equal(
            ledger.Values.Where(usage => usage.EndReason is null).ToDictionary(usage => usage.TokenId, usage => usage.UserId),
            await caller.HoldersAsync());

        async Task<Answer> NoteAsync(Task<Answer> sent)
        {
            var answer = await sent;
            if ((int)answer.Status >= 500) failures.Add($"{(int)answer.Status}: {answer.Body}");
            return answer;
        }
    }

    private static Task<Grant[]> ActivateAsync(Caller caller, int count) =>
        Task.WhenAll(Enumerable.Range(0, count).Select(_ => caller.ActivateAsync(Guid.NewGuid())));
}
