namespace TokenManager.Node.Tests;

public sealed class WorkerThreadsTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);

    // The pool by itself adds one or two threads a second, and would take some 20 s for these.
    private const int Blocked = 48;

    [Fact]
    public async Task Work_is_begun_soon_although_threads_are_blocked_and_afterwards_they_are_few_again()
    {
        using var threads = new WorkerThreads(calm: TimeSpan.FromSeconds(1));
        await threads.StartAsync(CancellationToken.None);
        AreFew();

        using var gate = new ManualResetEvent(initialState: false);
        using var begun = new CountdownEvent(Blocked);
        for (var i = 0; i < Blocked; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                _ =>
                {
                    begun.Signal();
                    gate.WaitOne();
                },
                null);
        }

        try
        {
            Assert.True(begun.Wait(Soon), $"{begun.CurrentCount} of {Blocked} were not begun within {Soon}.");
        }
        finally
        {
            gate.Set();
        }

        AreFew();
    }

    // Without the pool's help: a test's host blocks as many of its threads for good as few are.
    private static void AreFew() => Assert.True(
        SpinWait.SpinUntil(
            () =>
            {
                ThreadPool.GetMinThreads(out var workers, out _);
                return workers == WorkerThreads.Few;
            },
            TimeSpan.FromSeconds(20)));
}
