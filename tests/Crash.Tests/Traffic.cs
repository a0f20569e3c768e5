using System.Collections.Concurrent;
using System.Net;
using TokenManager.Testing;

namespace TokenManager.Crash.Tests;

/// <summary>Callers that activate, release and now and then clear, and write down what they were told.</summary>
internal sealed class Traffic
{
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(10);

    private readonly ConcurrentQueue<Grant> _held = new();
    private readonly IReadOnlyList<Guid> _users;
    private readonly IReadOnlyList<NodeProcess> _nodes;
    private readonly Task _workers;
    private volatile bool _stop;

    private Traffic(IReadOnlyList<NodeProcess> nodes, int users, int workers, int seed)
    {
        _nodes = nodes;
        _users = [.. Enumerable.Range(0, users).Select(_ => Guid.NewGuid())];
        _workers = Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(() => WorkAsync(new Random(seed * 1000 + worker)))));
    }

    /// <summary>Every grant that was answered 200.</summary>
    public ConcurrentQueue<Grant> Grants { get; } = new();

    /// <summary>User and key of every activation that got no answer.</summary>
    public ConcurrentQueue<(Guid User, Guid Key)> Unanswered { get; } = new();

    /// <summary>Every answer that a node could not give, with what was asked.</summary>
    public ConcurrentQueue<string> Unavailable { get; } = new();

    public Tally Statuses { get; } = new();

    public static Traffic Start(IReadOnlyList<NodeProcess> nodes, int users, int workers, int seed) =>
        new(nodes, users, workers, seed);

    public Task AnsweredAsync(int answers) =>
        Eventually.Async(() => Statuses.Total >= answers, TimeSpan.FromSeconds(30), () => $"{Statuses}");

    public async Task StopAsync()
    {
        _stop = true;
        await _workers;
    }

    private async Task WorkAsync(Random random)
    {
        while (!_stop)
        {
            var node = _nodes[random.Next(_nodes.Count)];
            var choice = random.Next(100);
            var reply = choice switch
            {
                < 2 => await node.ClearAsync(),
                < 35 when _held.TryDequeue(out var grant) => await node.ReleaseAsync(grant.TokenId, grant.UsageId),
                _ => await ActivateAsync(node, _users[random.Next(_users.Count)], Guid.NewGuid()),
            };
            Statuses.Add(reply.Word);
            if (reply.Status is HttpStatusCode.ServiceUnavailable)
                Unavailable.Enqueue($"{(choice < 2 ? "clear" : choice < 35 ? "release or activate" : "activate")}: {reply}");
            if (reply.Status is null || reply.Status is HttpStatusCode.UnprocessableEntity) await Task.Delay(Breath);
        }
    }

    private async Task<Reply> ActivateAsync(NodeProcess node, Guid user, Guid key)
    {
        var reply = await node.ActivateAsync(user, key);
        if (reply.Status is HttpStatusCode.OK)
        {
            Grants.Enqueue(reply.Grant);
            _held.Enqueue(reply.Grant);
        }
        else if (reply.Status is null)
        {
            Unanswered.Enqueue((user, key));
        }

        return reply;
    }
}
