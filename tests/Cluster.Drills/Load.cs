using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text.Json;
using TokenManager.Testing;

namespace TokenManager.Cluster.Drills;

/// <summary>Steady traffic that checks what every answer means and writes down when it came.</summary>
internal sealed class Load
{
    // Of a hundred grants, for how many the same key, and for how many another key, is tried at once elsewhere.
    private const int SameKey = 10;
    private const int SameUser = 20;

    // So many, so fast: then all is well again.
    private const int Series = 20;
    private static readonly TimeSpan Prompt = TimeSpan.FromSeconds(1);

    private readonly IReadOnlyList<HttpClient> _targets;
    private readonly IReadOnlyList<Guid> _tokens;
    private readonly LoadPlan _plan;
    private readonly Moment _started = Moment.Now();
    private readonly ConcurrentQueue<Call> _calls = new();
    private readonly ConcurrentQueue<Grant> _grants = new();
    private readonly ConcurrentDictionary<Guid, (int Target, long Sent)> _underWay = new();
    private readonly Task _running;
    private volatile bool _stop;

    private Load(IReadOnlyList<HttpClient> targets, LoadPlan plan, IReadOnlyList<Guid> tokens)
    {
        _targets = targets;
        _tokens = tokens;
        _plan = plan;
        _running = Task.WhenAll(Enumerable.Range(0, targets.Count).SelectMany(OfTarget));
    }

    public IReadOnlyList<Call> Calls => [.. _calls];

    /// <summary>Every grant that was answered 200.</summary>
    public IReadOnlyList<Grant> Grants => [.. _grants];

    public static async Task<Load> StartAsync(IReadOnlyList<HttpClient> targets, LoadPlan plan)
    {
        var list = await targets[0].ReadAsync("/api/tokens");
        return new Load(targets, plan, [.. list.Data.EnumerateArray().Select(token => token.GetProperty("id").GetGuid())]);
    }

    public static Task<Load> StartAsync(IEnumerable<ClusterNode> nodes, LoadPlan plan) =>
        StartAsync([.. nodes.Select(node => node.Client)], plan);

    /// <summary>Waits until the traffic has run for a while and has been granted something everywhere.</summary>
    public async Task RunningAsync(TimeSpan span)
    {
        await _started.PassedAsync(span);
        await GrantedAsync(_started, within: TimeSpan.FromSeconds(20));
    }

    /// <summary>Waits until every one of these targets has granted an activation that was sent after a moment.</summary>
    public Task GrantedAsync(Moment since, TimeSpan within, IEnumerable<int>? targets = null)
    {
        var missing = (targets ?? Enumerable.Range(0, _targets.Count)).ToHashSet();
        return Eventually.Async(
            () =>
            {
                missing.ExceptWith(_calls.Where(call => call.IsGranted && call.Sent > since.Timestamp).Select(call => call.Target));
                return missing.Count == 0;
            },
            within,
            () => $"waits for targets {string.Join(", ", missing)}; answers: {Tallied(Calls)}",
            "every target grants activations");
    }

    /// <summary>Waits until every one of these targets grants one activation after the other, and lets none wait.</summary>
    public Task SteadyAsync(Moment since, TimeSpan within, IEnumerable<int> targets) => Eventually.Async(
        () => targets.All(target => IsSteady(since, target)), within, () => $"answers: {Tallied(Calls)}", "activations are steady");

    private bool IsSteady(Moment since, int target)
    {
        var latest = _calls.Where(call => call.Kind is CallKind.Activate && call.Target == target && call.Sent > since.Timestamp)
            .OrderByDescending(call => call.Sent).Take(Series).ToList();
        return latest.Count == Series
            && latest.All(call => call.IsGranted)
            && _underWay.Values.All(call => call.Target != target || Stopwatch.GetElapsedTime(call.Sent) < Prompt);
    }

    /// <summary>Sends nothing more and waits for what is under way.</summary>
    public async Task StopAsync()
    {
        _stop = true;
        await _running;
    }

    public static Tally Tallied(IEnumerable<Call> calls)
    {
        var tally = new Tally();
        foreach (var call in calls) tally.Add($"{call.Kind} {call.Word}");
        return tally;
    }

    private IEnumerable<Task> OfTarget(int target)
    {
        yield return EveryAsync(_plan.Activations, () => ActivateAsync(target));
        yield return EveryAsync(_plan.Details, () => ReadDetailsAsync(target));
        yield return EveryAsync(_plan.Lists, () => ReadListAsync(target));
        if (_plan.Clears is { } clears) yield return EveryAsync(clears, () => ClearAsync(target));
    }

    private async Task EveryAsync(TimeSpan interval, Func<Task> send)
    {
        var underWay = new List<Task>();
        using var timer = new PeriodicTimer(interval);
        while (await timer.WaitForNextTickAsync() && !_stop && _started.Elapsed < LoadPlan.AtMost)
        {
            underWay.RemoveAll(task => task.IsCompletedSuccessfully);
            underWay.Add(send());
        }

        await Task.WhenAll(underWay);
    }

    private async Task ActivateAsync(int target)
    {
        var (user, key) = (Guid.NewGuid(), Guid.NewGuid());
        var (sent, reply) = await ActivateAsync(CallKind.Activate, target, user, key, answer => answer.Status switch
        {
            HttpStatusCode.OK => Verdict.Good,
            _ => Verdict.Wrong,
        });
        if (reply.Status is not HttpStatusCode.OK) return;

        var grant = reply.Grant;
        var elsewhere = (target + 1) % _targets.Count;
        switch (Random.Shared.Next(100))
        {
            case < SameKey:
                await ActivateAsync(CallKind.SameKey, elsewhere, user, key, answer => (answer.Status, answer.Code) switch
                {
                    (HttpStatusCode.OK, _) => answer.Grant == grant ? Verdict.Good : Verdict.Wrong,
                    (HttpStatusCode.UnprocessableEntity, "idempotency_key_reused") when MayBeOver(sent) => Verdict.Refused,
                    _ => Verdict.Wrong,
                });
                break;
            case < SameUser:
                await ActivateAsync(CallKind.SameUser, elsewhere, user, Guid.NewGuid(), answer => (answer.Status, answer.Code) switch
                {
                    (HttpStatusCode.OK, _) when MayBeOver(sent) => Verdict.Good,
                    (HttpStatusCode.UnprocessableEntity, "user_already_active") => Verdict.Refused,
                    _ => Verdict.Wrong,
                });
                break;
        }
    }

    private async Task<(long Sent, Reply Reply)> ActivateAsync(
        CallKind kind, int target, Guid user, Guid key, Func<Reply, Verdict> judge)
    {
        var sent = Stopwatch.GetTimestamp();
        if (kind is CallKind.Activate) _underWay.TryAdd(key, (target, sent));
        var reply = await _targets[target].ActivateAsync(user, key);
        _underWay.TryRemove(key, out _);
        Note(kind, target, user, key, sent, reply, answer =>
        {
            if (answer.Status is not HttpStatusCode.OK) return judge(answer);

            var grant = answer.Grant;
            _grants.Enqueue(grant);
            return grant.UserId == user && grant.UsageId == key && grant.Fence > 0
                && grant.Expires - grant.Started == Api.Micro(NodeCluster.Lease)
                ? judge(answer)
                : Verdict.Wrong;
        });
        return (sent, reply);
    }

    // Not before the lease is over, unless somebody clears.
    private bool MayBeOver(long sent) =>
        _plan.Clears is not null || Stopwatch.GetElapsedTime(sent) >= NodeCluster.Lease;

    private async Task ReadListAsync(int target)
    {
        var sent = Stopwatch.GetTimestamp();
        var reply = await _targets[target].ReadAsync("/api/tokens");
        Note(CallKind.List, target, Guid.Empty, Guid.Empty, sent, reply, answer => IsWholePool(answer) ? Verdict.Good : Verdict.Wrong);
    }

    private async Task ReadDetailsAsync(int target)
    {
        var token = _tokens[Random.Shared.Next(_tokens.Count)];
        var sent = Stopwatch.GetTimestamp();
        var reply = await _targets[target].ReadAsync($"/api/tokens/{token}");
        Note(CallKind.Details, target, Guid.Empty, Guid.Empty, sent, reply, answer =>
            answer.Status is HttpStatusCode.OK
            && answer.Data.GetProperty("id").GetGuid() == token
            && answer.Data.GetProperty("status").GetString() is "active" == (answer.Data.GetProperty("active_usage").ValueKind is JsonValueKind.Object)
                ? Verdict.Good
                : Verdict.Wrong);
    }

    private async Task ClearAsync(int target)
    {
        var sent = Stopwatch.GetTimestamp();
        var reply = await _targets[target].ClearAsync();
        Note(CallKind.Clear, target, Guid.Empty, Guid.Empty, sent, reply, answer =>
            answer.Status is HttpStatusCode.OK && answer.Data.GetProperty("cleared_tokens").GetInt32() is >= 0 and <= NodeCluster.PoolSize
                ? Verdict.Good
                : Verdict.Wrong);
    }

    private static bool IsWholePool(Reply reply)
    {
        if (reply.Status is not HttpStatusCode.OK) return false;

        var meta = reply.Body!.Value.GetProperty("meta");
        var active = reply.Data.EnumerateArray().Count(token =>
            token.GetProperty("status").GetString() is "active" && token.GetProperty("current_user_id").ValueKind is JsonValueKind.String);
        return meta.GetProperty("total_count").GetInt32() == NodeCluster.PoolSize
            && reply.Data.GetArrayLength() == NodeCluster.PoolSize
            && meta.GetProperty("active_count").GetInt32() == active
            && meta.GetProperty("available_count").GetInt32() == NodeCluster.PoolSize - active;
    }

    private void Note(
        CallKind kind, int target, Guid user, Guid key, long sent, Reply reply, Func<Reply, Verdict> judge)
    {
        var answered = Stopwatch.GetTimestamp();
        var verdict = reply switch
        {
            { Status: null } => Verdict.Unavailable,
            { Status: HttpStatusCode.ServiceUnavailable, Code: "unavailable" } => Verdict.Unavailable,
            // The load balancer's own.
            { Status: HttpStatusCode.ServiceUnavailable or HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout, Body: null } =>
                Verdict.Unavailable,
            _ => judge(reply),
        };
        _calls.Enqueue(new Call(kind, target, user, key, sent, answered, verdict, reply.Word));
    }
}
