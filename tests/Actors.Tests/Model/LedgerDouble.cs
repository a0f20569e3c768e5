using TokenManager.Actors.Ledger;

namespace TokenManager.Actors.Tests.Model;

/// <summary>The model ledger behind the product's interface, with switches: it can fail, and it can be slow to answer.</summary>
internal sealed class LedgerDouble : ILedger
{
    private readonly Lock _lock = new();
    private readonly LedgerModel _model = new();
    private readonly List<string> _calls = [];

    /// <summary>Thrown by every call, which then does nothing.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Every call is carried out at once, but answers only when this is completed.</summary>
    public TaskCompletionSource? Gate { get; set; }

    public IReadOnlyList<Guid> Tokens { get; set; } = [Make.Token(0), Make.Token(1)];

    /// <summary>What a sweep says is behind in the journal, of which the model knows nothing.</summary>
    public IReadOnlyList<Guid> Unjournaled { get; set; } = [];

    public string[] Calls
    {
        get
        {
            lock (_lock)
                return [.. _calls];
        }
    }

    public static LedgerUnavailableException Unavailable(bool outcomeUnknown) => new(outcomeUnknown, innerException: null);

    /// <summary>Does something to the rows behind everybody's back, or looks at them.</summary>
    public T With<T>(Func<LedgerModel, T> action)
    {
        lock (_lock)
            return action(_model);
    }

    public Task DeclarePoolAsync(int size, string appVersion, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<PoolImage> LoadPoolAsync(CancellationToken cancellationToken) =>
        RunAsync("load", model => model.Load(Tokens, Tokens.Count));

    public Task<PoolImage> ReadPoolAsync(CancellationToken cancellationToken) =>
        RunAsync("read pool", model => model.Load(Tokens, Tokens.Count));

    public Task<Guid?> FindLentTokenAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<TokenImage> FindTokenAsync(Guid tokenId) => RunAsync(
        $"find token {tokenId}",
        model => new TokenImage(
            model.Load(Tokens, Tokens.Count).Tokens.FirstOrDefault(token => token.TokenId == tokenId), model.Now));

    public Task<SweepImage> SweepAsync(int limit, int fromOrdinal, CancellationToken cancellationToken) => RunAsync("sweep", model =>
        new SweepImage(
            Tokens.Count,
            [.. model.OpenRows.Where(row => row.ExpiresAt <= model.Now).Select(row => model.Find(row.UsageId)!).Take(limit)])
        {
            ReadAt = model.Now,
            Unjournaled = Unjournaled,
        });

    public Task<OpenResult> OpenAsync(OpenUsage request) => RunAsync($"open {request.UsageId}", model => model.Open(request));

    public Task<CloseResult> CloseAsync(CloseUsage request) =>
        RunAsync($"close {request.UsageId} {request.Reason}", model => model.Close(request));

    public Task<IReadOnlyList<UsageRow>> ReadTokenAsync(Guid tokenId, long fromFence) =>
        RunAsync($"read {fromFence}", model => model.Read(tokenId, fromFence));

    public Task<UsageRow?> FindUsageAsync(Guid usageId) => RunAsync($"find {usageId}", model => model.Find(usageId));

    public Task<HistoryResult> ReadHistoryAsync(
        Guid tokenId, long? beforeFence, int limit, CancellationToken cancellationToken) =>
        throw new NotSupportedException();

    public Task<DateTimeOffset> PingAsync(CancellationToken cancellationToken) => RunAsync("ping", model => model.Now);

    private async Task<T> RunAsync<T>(string call, Func<LedgerModel, T> action)
    {
        var gate = Gate;
        T result;
        lock (_lock)
        {
            _calls.Add(call);
            if (Failure is { } failure)
                throw failure;
            result = action(_model);
        }

        if (gate is not null)
            await gate.Task;
        return result;
    }
}
