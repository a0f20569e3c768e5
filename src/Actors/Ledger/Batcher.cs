using System.Diagnostics;
using System.Threading.Channels;

namespace TokenManager.Actors.Ledger;

/// <summary>How a <see cref="Batcher{TRequest, TResult}"/> works.</summary>
internal sealed record BatcherSettings
{
    internal required Access Access { get; init; }

    /// <summary>How many statements may be under way at once.</summary>
    internal required int Writers { get; init; }

    internal int MaxGroup { get; init; } = 200;

    /// <summary>How many requests may wait or be under way; the next is refused.</summary>
    internal int MaxPending { get; init; } = 20_000;

    /// <summary>How long a request may take, all its tries together.</summary>
    internal TimeSpan Limit { get; init; } = TimeSpan.FromSeconds(3);
}

/// <summary>
/// Lets requests that arrive while a statement is under way share the next one; a request that finds nothing under way
/// waits for nobody. Invariants: every request is answered within the limit, whatever the driver does; a request
/// reported as not executed is never executed later; a request that the database refuses fails alone.
/// </summary>
internal sealed class Batcher<TRequest, TResult> : IAsyncDisposable
    where TResult : class
{
    private static readonly TimeSpan ReconnectDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan DriverGrace = TimeSpan.FromSeconds(1);

    private readonly BatcherSettings _settings;
    private readonly Func<CancellationToken, Task<Session>> _connect;
    private readonly Func<Session, IReadOnlyList<TRequest>, CancellationToken, Task<TResult?[]>> _execute;
    private readonly Func<TRequest, Guid> _lockKey;
    private readonly Func<Exception, Failure> _classify;
    private readonly Channel<Item> _queue = Channel.CreateUnbounded<Item>();
    private readonly Task[] _writers;
    private int _pending;

    /// <param name="settings">Limits.</param>
    /// <param name="connect">Opens a connection; while it fails, nothing is executed.</param>
    /// <param name="execute">
    /// Answers each request at its index; null means that the rows changed under it and that it is to be tried again.
    /// Must be all or nothing, and must be safe to repeat.
    /// </param>
    /// <param name="lockKey">Groups touch their rows in the order of this key, so that they do not deadlock.</param>
    /// <param name="classify">Reads the driver's exceptions.</param>
    internal Batcher(
        BatcherSettings settings,
        Func<CancellationToken, Task<Session>> connect,
        Func<Session, IReadOnlyList<TRequest>, CancellationToken, Task<TResult?[]>> execute,
        Func<TRequest, Guid> lockKey,
        Func<Exception, Failure> classify)
    {
        _settings = settings;
        _connect = connect;
        _execute = execute;
        _lockKey = lockKey;
        _classify = classify;
        _writers = [.. Enumerable.Range(0, settings.Writers).Select(_ => Task.Run(WriteAsync))];
    }

    /// <exception cref="LedgerUnavailableException">There was no answer within the limit.</exception>
    internal async Task<TResult> AskAsync(TRequest request)
    {
        var item = new Item(request);
        try
        {
            if (Interlocked.Increment(ref _pending) > _settings.MaxPending || !_queue.Writer.TryWrite(item))
                throw new LedgerUnavailableException(outcomeUnknown: false, innerException: null);
            return await item.Answer.WaitAsync(_settings.Limit);
        }
        catch (TimeoutException)
        {
            if (item.TryAbandon(out var outcomeUnknown))
                throw Unavailable(outcomeUnknown, item.LastFailure);
            return await item.Answer;
        }
        finally
        {
            Interlocked.Decrement(ref _pending);
        }
    }

    /// <summary>Refuses what comes and lets what is under way end.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await Task.WhenAll(_writers);
    }

    private async Task WriteAsync()
    {
        var queue = _queue.Reader;
        while (await queue.WaitToReadAsync())
        {
            var group = new List<Item>();
            while (group.Count < _settings.MaxGroup && queue.TryRead(out var item))
            {
                if (item.IsWaiting)
                    group.Add(item);
            }

            if (group.Count == 0)
                continue;

            group.Sort((left, right) => _lockKey(left.Request).CompareTo(_lockKey(right.Request)));
            try
            {
                await RunAsync(group).WaitAsync(_settings.Limit + DriverGrace);
            }
            catch (TimeoutException)
            {
                // The driver does not let go. Everybody in the group has been answered meanwhile; the next one shall
                // not wait for it.
            }
        }
    }

    private async Task RunAsync(List<Item> group)
    {
        using var limit = new CancellationTokenSource(_settings.Limit);
        var started = TimeProvider.System.GetTimestamp();
        var isolate = false;
        try
        {
            Session session;
            try
            {
                session = await _connect(limit.Token);
            }
            catch (Exception e)
            {
                FailUnsent(group, e);
                return;
            }

            await using (session)
            {
                group.RemoveAll(item => !item.TrySend());
                if (group.Count == 0)
                    return;
                var results = await _execute(session, [.. group.Select(item => item.Request)], limit.Token);
                for (var i = 0; i < results.Length; i++)
                {
                    if (results[i] is { } result)
                        group[i].Succeed(result);
                    else
                        SendAgain(group[i], outcomeUnknown: false, failure: null);
                }
            }
        }
        catch (Exception e)
        {
            switch (_classify(e))
            {
                case Failure.Defect when group.Count > 1:
                    group.ForEach(item => item.TakeBack(outcomeUnknown: false, e));
                    isolate = true;
                    break;
                case Failure.Defect:
                    group.ForEach(item => item.Fail(e));
                    break;
                // Half of the time was waited for nothing. Another try would be cut off in the middle, and its outcome
                // would be unknown.
                case Failure.NotExecuted
                    when TimeProvider.System.GetElapsedTime(started) > _settings.Limit / 2:
                    group.ForEach(item => item.Fail(Unavailable(item.OutcomeUnknown, e)));
                    break;
                case Failure.NotExecuted:
                    group.ForEach(item => SendAgain(item, outcomeUnknown: false, e));
                    break;
                case Failure.Unknown:
                    group.ForEach(item => SendAgain(item, outcomeUnknown: true, e));
                    break;
                default:
                    throw new UnreachableException();
            }
        }

        if (!isolate)
            return;
        foreach (var item in group)
            await RunAsync([item]);
    }

    // Whose outcome is unknown gets another chance to learn it; the others need not wait for that.
    private void FailUnsent(List<Item> group, Exception e)
    {
        foreach (var item in group)
        {
            if (item.OutcomeUnknown)
                _ = EnqueueLaterAsync(item, ReconnectDelay);
            else
                item.Fail(Unavailable(outcomeUnknown: false, e));
        }
    }

    private void SendAgain(Item item, bool outcomeUnknown, Exception? failure)
    {
        var delay = item.TakeBack(outcomeUnknown, failure);
        if (item.IsWaiting)
            _ = EnqueueLaterAsync(item, delay);
    }

    private async Task EnqueueLaterAsync(Item item, TimeSpan delay)
    {
        if (delay > TimeSpan.Zero)
            await Task.Delay(delay);
        if (!_queue.Writer.TryWrite(item))
            item.Fail(Unavailable(item.OutcomeUnknown, item.LastFailure));
    }

    private LedgerUnavailableException Unavailable(bool outcomeUnknown, Exception? inner) =>
        new(outcomeUnknown && _settings.Access == Access.Write, inner);

    /// <summary>
    /// One request. The writer that is about to send it and the caller that gives up race for its state, so that
    /// exactly one of them is right about whether it was sent.
    /// </summary>
    private sealed class Item(TRequest request)
    {
        private const int Waiting = 0;
        private const int Sent = 1;
        private const int Over = 2;
        private const int DelayStep = 20;
        private const int MaxDelay = 250;

        private readonly TaskCompletionSource<TResult> _answer =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        private int _state;
        private int _tries;
        private volatile bool _outcomeUnknown;
        private volatile Exception? _lastFailure;

        internal TRequest Request => request;

        internal Task<TResult> Answer => _answer.Task;

        internal bool IsWaiting => Volatile.Read(ref _state) == Waiting;

        internal bool OutcomeUnknown => _outcomeUnknown;

        internal Exception? LastFailure => _lastFailure;

        internal bool TrySend() => Interlocked.CompareExchange(ref _state, Sent, Waiting) == Waiting;

        internal void Succeed(TResult result)
        {
            if (Interlocked.Exchange(ref _state, Over) != Over)
                _answer.SetResult(result);
        }

        internal void Fail(Exception e)
        {
            if (Interlocked.Exchange(ref _state, Over) != Over)
                _answer.SetException(e);
        }

        /// <returns>How long to wait before the next try.</returns>
        internal TimeSpan TakeBack(bool outcomeUnknown, Exception? failure)
        {
            _lastFailure = failure;
            if (outcomeUnknown)
                _outcomeUnknown = true;
            var delay = Math.Min(DelayStep * _tries++, MaxDelay);
            Interlocked.CompareExchange(ref _state, Waiting, Sent);
            return TimeSpan.FromMilliseconds(delay);
        }

        /// <returns>False if the answer has come after all.</returns>
        internal bool TryAbandon(out bool outcomeUnknown)
        {
            var state = Interlocked.Exchange(ref _state, Over);
            outcomeUnknown = state == Sent || _outcomeUnknown;
            return state != Over;
        }
    }
}
