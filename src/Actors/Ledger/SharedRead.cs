namespace TokenManager.Actors.Ledger;

/// <summary>
/// One read at a time; whoever asks while it is under way shares the next one with all others that do. So nobody gets
/// what was read before they asked, and a thousand callers cost two reads. What was read is not kept.
/// </summary>
internal sealed class SharedRead<T>(Func<Task<T>> read)
{
    private readonly Lock _lock = new();
    private Task<T>? _underWay;
    private Task<T>? _next;

    public Task<T> ReadAsync()
    {
        lock (_lock)
        {
            if (_next is not null)
                return _next;

            return _underWay is null ? Start() : _next = StartAfterAsync(_underWay);
        }
    }

    private async Task<T> StartAfterAsync(Task underWay)
    {
        await underWay.ConfigureAwait(ConfigureAwaitOptions.ForceYielding | ConfigureAwaitOptions.SuppressThrowing);
        Task<T> started;
        lock (_lock)
        {
            _next = null;
            started = Start();
        }

        return await started;
    }

    private Task<T> Start()
    {
        var started = _underWay = Task.Run(read);
        _ = ForgetAsync(started);
        return started;
    }

    private async Task ForgetAsync(Task<T> read)
    {
        await ((Task)read).ConfigureAwait(ConfigureAwaitOptions.ForceYielding | ConfigureAwaitOptions.SuppressThrowing);
        lock (_lock)
        {
            if (_underWay == read)
                _underWay = null;
        }
    }
}
