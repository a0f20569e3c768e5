namespace TokenManager.Node;

/// <summary>
/// Lets the pool have many threads as soon as work is not begun promptly, because something blocks those that it has.
/// PostgreSQL's driver blocks one for seconds for each statement that a frozen server does not answer, and reads and
/// heartbeats must not wait for the one or two threads that the pool adds each second by itself. So many at all times would
/// get in each other's way: under full load the slowest 1 % of reads waited twice as long.
/// </summary>
internal sealed class WorkerThreads : IHostedService, IDisposable
{
    /// <summary>One for every connection of ledger and journal, and some for the rest.</summary>
    public const int Many = 64;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private readonly int _calm;
    private readonly ManualResetEvent _stop = new(initialState: false);
    private readonly Thread _thread;

    // The last question that a thread of the pool has answered.
    private long _answered;

    /// <summary>Makes one.</summary>
    /// <param name="calm">For how long work must have been begun promptly before the many are let go.</param>
    public WorkerThreads(TimeSpan calm)
    {
        _calm = (int)(calm / Interval);
        // Not one of the pool's, which it watches.
        _thread = new Thread(Watch) { Name = "worker-threads", IsBackground = true };
    }

    /// <summary>What the pool has by itself. It may go on with more, as long as more get more done.</summary>
    public static int Few => Environment.ProcessorCount;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _thread.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _stop.Set();
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        _stop.Set();
        if (_thread.IsAlive) _thread.Join();
        _stop.Dispose();
    }

    private void Watch()
    {
        var (asked, prompt) = (0L, 0);
        while (!_stop.WaitOne(Interval))
        {
            if (Interlocked.Read(ref _answered) != asked)
            {
                KeepAtLeast(Many);
                prompt = 0;
                continue;
            }

            if (++prompt == _calm) KeepAtLeast(Few);
            asked++;
            ThreadPool.UnsafeQueueUserWorkItem(answer => Interlocked.Exchange(ref _answered, answer), asked, preferLocal: false);
        }
    }

    private static void KeepAtLeast(int count)
    {
        ThreadPool.GetMinThreads(out var workers, out var others);
        if (workers != count) ThreadPool.SetMinThreads(count, others);
    }
}
