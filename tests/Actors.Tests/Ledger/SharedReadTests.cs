using TokenManager.Actors.Ledger;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Ledger;

public sealed class SharedReadTests
{
    private static readonly TimeSpan InTime = TimeSpan.FromSeconds(10);

    private readonly List<TaskCompletionSource<int>> _reads = [];
    private readonly SharedRead<int> _shared;

    public SharedReadTests() => _shared = new(() =>
    {
        var read = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_reads)
            _reads.Add(read);
        return read.Task;
    });

    [Fact]
    public async Task Who_asks_while_a_read_is_under_way_shares_the_next_one()
    {
        var first = _shared.ReadAsync();
        (await ReadAsync(0)).SetResult(1);
        Assert.Equal(1, await first);

        var second = _shared.ReadAsync();
        var read = await ReadAsync(1);
        var others = Enumerable.Range(0, 5).Select(_ => _shared.ReadAsync()).ToList();
        Assert.Equal(2, _reads.Count);
        read.SetResult(2);
        Assert.Equal(2, await second);

        (await ReadAsync(2)).SetResult(3);
        Assert.All(await Task.WhenAll(others), value => Assert.Equal(3, value));
        Assert.Equal(3, _reads.Count);
    }

    [Fact]
    public async Task A_read_that_fails_fails_for_those_who_share_it_and_for_nobody_else()
    {
        var first = _shared.ReadAsync();
        var read = await ReadAsync(0);
        var second = _shared.ReadAsync();
        read.SetException(new InvalidOperationException());
        await Assert.ThrowsAsync<InvalidOperationException>(() => first);

        (await ReadAsync(1)).SetResult(2);
        Assert.Equal(2, await second);
    }

    [Fact]
    public async Task A_read_never_began_before_it_was_asked_for()
    {
        const int Rounds = 100;
        const int Callers = 8;
        var (begun, asked, wanted) = (0, 0, 0);
        var shared = new SharedRead<int>(async () =>
        {
            var mine = Interlocked.Increment(ref begun);
            while (Volatile.Read(ref asked) < Volatile.Read(ref wanted))
                await Task.Yield();
            return mine;
        });
        for (var round = 1; round <= Rounds; round++)
        {
            Volatile.Write(ref wanted, round * Callers);
            await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(async () =>
            {
                var before = Volatile.Read(ref begun);
                var read = shared.ReadAsync();
                Interlocked.Increment(ref asked);
                Assert.True(await read > before);
            })));
        }

        // One that is under way until all have asked, and one for those who asked meanwhile.
        Assert.InRange(begun, Rounds, 2 * Rounds);
    }

    private async Task<TaskCompletionSource<int>> ReadAsync(int index)
    {
        await Eventually.Async(
            () =>
            {
                lock (_reads)
                    return _reads.Count > index;
            },
            InTime);
        lock (_reads)
            return _reads[index];
    }
}
