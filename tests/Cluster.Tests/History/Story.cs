using TokenManager.Faults.History;
using TokenManager.Testing;

namespace TokenManager.Cluster.Tests.History;

/// <summary>
/// A run in which nothing was wrong, told in seconds: operations, ledger, journal and what nodes show, which tests then change.
/// </summary>
internal sealed class Story
{
    public const int PoolSize = 2;
    public const long Second = 1_000_000;
    public const long Epoch = 1_700_000_000 * Second;
    public const long Lease = 2 * Second;

    private long _number;

    public static Guid TokenA { get; } = Guid.Parse("00000000-0000-0000-0000-00000000000a");

    public static Guid TokenB { get; } = Guid.Parse("00000000-0000-0000-0000-00000000000b");

    public List<Operation> Operations { get; } = [];

    public List<Fault> Faults { get; } = [];

    public List<Row> Rows { get; } = [];

    public List<JournalEvent> Journal { get; } = [];

    public List<QuietNode> Nodes { get; } = [];

    public LentPool? Lent { get; set; }

    /// <summary>Two tokens, three users, every kind of operation and of end, without and with an answer.</summary>
    public static Story Good()
    {
        var story = new Story();
        var (ann, bob, cid) = (User(1), User(2), User(3));
        var first = story.Use(TokenA, ann, fence: 1, from: 1, to: 3, "expired");
        story.Activate(0.9, 1.1, ann, first);
        story.Read(1.2, 1.25, TokenA, first);
        story.Activate(1.5, 1.6, ann, first with { UsageId = User(99) }, new Answer.Refused("user_already_active"));
        var second = story.Use(TokenB, bob, fence: 1, from: 1.5, to: 2, "released");
        story.Activate(1.4, 1.7, bob, second);
        story.Add(1.9, 2.1, Kind.Release, new Answer.Released(second.UsageId, second.Ended!.Value), token: TokenB, usage: second.UsageId);
        story.Read(2.2, 2.3, TokenB, null);
        // Without an answer, and asked for once more.
        var third = story.Use(TokenB, cid, fence: 2, from: 4, to: 5, "cleared");
        story.Activate(3.9, 4.8, cid, third, new Answer.Nothing());
        story.Activate(4.81, 4.9, cid, third);
        story.Add(4.95, 5.1, Kind.Clear, new Answer.Cleared(1));
        story.Add(5.5, 5.6, Kind.History, new Answer.Past([third with { Expires = 0 }, second with { Expires = 0 }]), token: TokenB);
        story.Add(5.7, 5.8, Kind.Pool, new Answer.Figures(PoolSize, 1, 0, 1, 1));
        // Told that nothing was granted, and refused.
        story.Activate(5.9, 6.0, cid, third with { UsageId = User(98) }, new Answer.Unavailable(MayHaveHappened: false));
        story.Faults.Add(new Fault("kill-one", "node 1", Effect.Failover, 6 * Second, 7 * Second, 8 * Second));
        var late = story.Use(TokenA, ann, fence: 2, from: 4.5, to: 10, "expired");
        story.Activate(4.4, 4.6, ann, late);
        var again = story.Use(TokenA, ann, fence: 3, from: 20, to: 20.5, "released");
        story.Activate(19.9, 20.1, ann, again, isAfterwards: true);
        story.Add(20.2, 20.6, Kind.Release, new Answer.Released(again.UsageId, again.Ended!.Value), token: TokenA, usage: again.UsageId, isAfterwards: true);
        story.Add(21, 21.1, Kind.Pool, new Answer.Figures(PoolSize, PoolSize, 0, 0, 0), isAfterwards: true);
        Listed[] free = [new(TokenA, null, null, null), new(TokenB, null, null, null)];
        story.Nodes.Add(new QuietNode(0, free, free));
        return story;
    }

    public Evidence Evidence => new()
    {
        Epoch = Epoch,
        PoolSize = PoolSize,
        Lease = Lease,
        Operations = Operations,
        Faults = Faults,
        Rows = Rows,
        Journal = Journal,
        Nodes = Nodes,
        Lent = Lent,
        Ended = 22 * Second,
    };

    public static Guid User(int number) => new(number, 0, 0, [0, 0, 0, 0, 0, 0, 0, 1]);

    public static long At(double seconds) => Epoch + (long)(seconds * Second);

    /// <summary>A usage in ledger and journal.</summary>
    public Row Use(Guid token, Guid user, long fence, double from, double to, string reason)
    {
        var row = new Row(User(1000 + Rows.Count), token, user, fence, At(from), At(from) + Lease, At(to), reason);
        Rows.Add(row);
        var number = Journal.Count(entry => entry.TokenId == token);
        Journal.Add(new JournalEvent(token, number + 1, row.UsageId, user, fence, row.Started, row.Expires, null, null));
        Journal.Add(new JournalEvent(token, number + 2, row.UsageId, null, fence, null, null, row.Ended, reason));
        return row;
    }

    /// <summary>An activation that was granted this usage, or told something else.</summary>
    public void Activate(double from, double to, Guid user, Row usage, Answer? answer = null, bool isAfterwards = false) =>
        Add(from, to, Kind.Activate, answer ?? new Answer.Granted(usage.Grant), user: user, usage: usage.UsageId, isAfterwards: isAfterwards);

    /// <summary>A details read that showed this usage, or none.</summary>
    public void Read(double from, double to, Guid token, Row? usage) => Add(
        from, to, Kind.Details, new Answer.Shown([new Listed(token, usage?.UserId, usage?.Started, usage?.Expires)]), token: token);

    public void Add(
        double from, double to, Kind kind, Answer answer, Guid? token = null, Guid? user = null, Guid? usage = null, bool isAfterwards = false) =>
        Operations.Add(new Operation(_number++, 0, kind, 0, 0, (long)(from * Second), (long)(to * Second), answer)
        {
            Token = token,
            User = user,
            Usage = usage,
            IsAfterwards = isAfterwards,
        });

    /// <summary>Changes a usage in the ledger alone.</summary>
    public void Change(int row, Func<Row, Row> change) => Rows[row] = change(Rows[row]);

    /// <summary>Changes a usage in the ledger and, as far as it says so, in the journal.</summary>
    public void ChangeEverywhere(int row, Func<Row, Row> change)
    {
        var usage = Rows[row];
        var changed = change(usage);
        Rows[row] = changed;
        for (var i = 0; i < Journal.Count; i++)
        {
            if (Journal[i].UsageId != usage.UsageId) continue;
            Journal[i] = Journal[i].IsActivation
                ? Journal[i] with { UserId = changed.UserId, Fence = changed.Fence, Started = changed.Started, Expires = changed.Expires }
                : Journal[i] with { Fence = changed.Fence, Ended = changed.Ended, Reason = changed.Reason };
        }
    }
}
