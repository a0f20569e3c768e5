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
    private static readonly int MostCalm = (int)(TimeSpan.FromHours(1) / Interval);

    private readonly ManualResetEvent _stop = new(initialState: false);
    private readonly Thread _thread;

    // The last question that a thread of the pool has answered.
    private long _answered;

    // How many questions in a row must be answered promptly before the many are let go.
    private int _calm;

    /// <summary>Makes one.</summary>
    /// <param name="calm">
    /// For how long work must have been begun promptly before the many are let go; twice as long each time after they
    /// were needed again.
    /// </param>
    public WorkerThreads(TimeSpan calm)
    {
        _calm = (int)(calm / Interval);
        // Not one of the pool's, which it watches.
        _thread = new Thread(Watch) { Name = "worker-threads", IsBackground = true };
    }

    /// <summary>What the pool has by itself. It goes on with more if that gets more done.</summary>
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
        // A node that starts blocks some of them too.
        SetLeast(Many);
        var (asked, prompt, isMany) = (0L, 0, true);
        while (!_stop.WaitOne(Interval))
        {
            if (Interlocked.Read(ref _answered) != asked)
            {
                prompt = 0;
                if (!isMany) SetLeast(Many);
                isMany = true;
                continue;
            }

            if (++prompt >= _calm && isMany)
            {
                SetLeast(Few);
                isMany = false;
                _calm = Math.Min(2 * _calm, MostCalm);
            }

            asked++;
            ThreadPool.UnsafeQueueUserWorkItem(answer => Interlocked.Exchange(ref _answered, answer), asked, preferLocal: false);
        }
    }

    private static void SetLeast(int workers)
    {
        ThreadPool.GetMinThreads(out _, out var others);
        ThreadPool.SetMinThreads(workers, others);

        // How many work follows its least only upwards, and its most only downwards.
        ThreadPool.GetMaxThreads(out var most, out others);
        ThreadPool.SetMaxThreads(workers, others);
        ThreadPool.SetMaxThreads(most, others);
    }
}
