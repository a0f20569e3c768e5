using System.Data.Common;
using Microsoft.Data.Sqlite;
using TokenManager.Actors.Ledger;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Ledger;

public sealed class BatcherTests : IAsyncLifetime
{
    private static readonly TimeSpan NoHurry = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(200);

    // Stands for any connection; nobody opens it.
    private static readonly SqliteConnection Connection = new();

    private readonly List<IReadOnlyList<int>> _groups = [];
    private readonly List<Batcher<int, string>> _batchers = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var batcher in _batchers)
            await batcher.DisposeAsync();
    }

    [Fact]
    public async Task A_single_request_waits_for_nobody()
    {
        var batcher = Create(Answer);

        Assert.Equal("7", await batcher.AskAsync(7));

        Assert.Equal([7], Assert.Single(_groups));
    }

    [Fact]
    public async Task What_arrives_while_a_statement_is_under_way_shares_the_next_one_in_order_and_up_to_a_limit()
    {
        var gate = new TaskCompletionSource();
        var batcher = Create(async group =>
        {
            await gate.Task;
            return Answer(group);
        });
        var first = batcher.AskAsync(0);
        await UntilAsync(() => _groups.Count == 1);

        var others = Enumerable.Range(1, 5).Reverse().Select(batcher.AskAsync).ToList();
        gate.SetResult();
        await Task.WhenAll(others.Append(first));

        Assert.Equal([[0], [3, 4, 5], [1, 2]], _groups);
    }

    [Fact]
    public async Task A_request_that_the_database_refuses_fails_alone()
    {
        var gate = new TaskCompletionSource();
        var batcher = Create(async group =>
        {
            await gate.Task;
            return group.Contains(2) ? throw new InvalidOperationException("poison") : Answer(group);
        });
        var first = batcher.AskAsync(0);
        await UntilAsync(() => _groups.Count == 1);
        var innocents = new[] { batcher.AskAsync(1), batcher.AskAsync(3) };
        var poison = batcher.AskAsync(2);
        gate.SetResult();

        await Assert.ThrowsAsync<InvalidOperationException>(() => poison);
        Assert.Equal(["1", "3"], await Task.WhenAll(innocents));
        await first;
    }

    [Fact]
    public async Task A_request_whose_rows_changed_under_it_is_tried_again()
    {
        var batcher = Create(group => _groups.Count < 3 ? new string?[group.Count] : Answer(group));

        Assert.Equal("1", await batcher.AskAsync(1));

        Assert.Equal(3, _groups.Count);
    }

    [Theory]
    [InlineData("lost")]
    [InlineData("undone")]
    public async Task A_failure_that_passes_is_tried_again(string failure)
    {
        var batcher = Create(group => _groups.Count < 3 ? throw new FakeFailure(failure) : Answer(group));

        Assert.Equal("1", await batcher.AskAsync(1));
    }

    [Theory]
    [InlineData("lost", true)]
    [InlineData("undone", false)]
    public async Task A_failure_that_stays_ends_with_what_is_known(string failure, bool outcomeUnknown)
    {
        var batcher = Create(_ => Fail(failure), Soon * 3);

        var refusal = await Assert.ThrowsAsync<LedgerUnavailableException>(() => batcher.AskAsync(1));

        Assert.Equal(outcomeUnknown, refusal.OutcomeUnknown);
        Assert.IsType<FakeFailure>(refusal.InnerException);
    }

    [Fact]
    public async Task Without_a_connection_a_request_fails_at_once_and_was_not_executed()
    {
        var batcher = Create(Answer, NoHurry, connect: () => throw new FakeFailure("refused"));

        var refusal = await Assert.ThrowsAsync<LedgerUnavailableException>(() => batcher.AskAsync(1));

        Assert.False(refusal.OutcomeUnknown);
        Assert.Empty(_groups);
    }

    [Fact]
    public async Task A_lost_outcome_is_learned_when_connections_come_back()
    {
        var connections = 0;
        var batcher = Create(
            group => _groups.Count == 1 ? throw new FakeFailure("lost") : Answer(group),
            NoHurry,
            connect: () =>
            {
                if (Interlocked.Increment(ref connections) == 2)
                    throw new FakeFailure("refused");
            });

        Assert.Equal("1", await batcher.AskAsync(1));
        Assert.Equal(3, connections);
    }

    [Fact]
    public async Task A_driver_that_never_returns_holds_up_neither_its_callers_nor_later_ones_for_ever()
    {
        var never = new TaskCompletionSource<string?[]>();
        var batcher = Create(group => group.Contains(1) ? never.Task : Task.FromResult(Answer(group)), Soon);

        var stuck = await Assert.ThrowsAsync<LedgerUnavailableException>(() => batcher.AskAsync(1));
        var behind = await Assert.ThrowsAsync<LedgerUnavailableException>(() => batcher.AskAsync(2));

        Assert.True(stuck.OutcomeUnknown);
        Assert.False(behind.OutcomeUnknown);
        List<int> notExecuted = [2];
        for (var request = 3; ; request++)
        {
            Assert.True(request < 50, "Nobody is answered any more.");
            try
            {
                Assert.Equal($"{request}", await batcher.AskAsync(request));
                break;
            }
            // Unknown is the outcome of what was sent in the very moment in which its caller gave up.
            catch (LedgerUnavailableException refusal)
            {
                if (!refusal.OutcomeUnknown) notExecuted.Add(request);
            }
        }

        Assert.DoesNotContain(_groups, group => group.Intersect(notExecuted).Any());
        never.SetResult(["1"]);
    }

    [Fact]
    public async Task More_requests_than_may_wait_are_refused_at_once()
    {
        var gate = new TaskCompletionSource();
        var batcher = Create(async group =>
        {
            await gate.Task;
            return Answer(group);
        });

        var accepted = Enumerable.Range(0, 10).Select(batcher.AskAsync).ToList();
        var refusal = await Assert.ThrowsAsync<LedgerUnavailableException>(() => batcher.AskAsync(10));
        gate.SetResult();

        Assert.False(refusal.OutcomeUnknown);
        Assert.Equal(10, (await Task.WhenAll(accepted)).Length);
        Assert.Equal("11", await batcher.AskAsync(11));
    }

    [Fact]
    public async Task What_only_reads_never_has_an_unknown_outcome()
    {
        var batcher = Create(_ => Fail("lost"), Soon, access: Access.Read);

        var refusal = await Assert.ThrowsAsync<LedgerUnavailableException>(() => batcher.AskAsync(1));

        Assert.False(refusal.OutcomeUnknown);
    }

    private Batcher<int, string> Create(
        Func<IReadOnlyList<int>, string?[]> execute,
        TimeSpan? limit = null,
        Action? connect = null,
        Access access = Access.Write) =>
        Create(group => Task.FromResult(execute(group)), limit, connect, access);

    private Batcher<int, string> Create(
        Func<IReadOnlyList<int>, Task<string?[]>> execute,
        TimeSpan? limit = null,
        Action? connect = null,
        Access access = Access.Write)
    {
        var settings = new BatcherSettings
        {
            Access = access,
            Writers = 1,
            MaxGroup = 3,
            MaxPending = 10,
            Limit = limit ?? NoHurry,
        };
        var batcher = new Batcher<int, string>(
            settings,
            _ =>
            {
                connect?.Invoke();
                return Task.FromResult(new Session(Connection, () => ValueTask.CompletedTask));
            },
            (_, group, _) =>
            {
                lock (_groups)
                    _groups.Add(group);
                return execute(group);
            },
            request => new Guid(request, 0, 0, new byte[8]),
            e => (e as FakeFailure)?.Message switch
            {
                "lost" => Failure.Unknown,
                "undone" => Failure.NotExecuted,
                _ => Failure.Defect,
            });
        _batchers.Add(batcher);
        return batcher;
    }

    private static string?[] Answer(IReadOnlyList<int> group) => [.. group.Select(request => $"{request}")];

    private static string?[] Fail(string failure) => throw new FakeFailure(failure);

    private static Task UntilAsync(Func<bool> condition) => Eventually.Async(condition, TimeSpan.FromSeconds(20));

    private sealed class FakeFailure(string message) : DbException(message);
}
