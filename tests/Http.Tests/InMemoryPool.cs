using System.Security.Cryptography;
using TokenManager.Actors;
using TokenManager.Actors.Cache;

namespace TokenManager.Http.Tests;

/// <summary>
/// A correct pool behind one lock, without leases that end: what the HTTP layer is checked against, and no more.
/// </summary>
internal sealed class InMemoryPool : ITokenGateway, ITokenCache
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);

    private readonly Lock _lock = new();
    private readonly ITokenRenderer _renderer;
    private readonly Guid[] _tokens;
    private readonly Dictionary<Guid, List<Usage>> _usages;

    public InMemoryPool(ITokenRenderer renderer, int size)
    {
        _renderer = renderer;
        _tokens = [.. Enumerable.Range(0, size).Select(_ => Guid.NewGuid())];
        _usages = _tokens.ToDictionary(token => token, _ => new List<Usage>());
    }

    public bool IsPrimed => true;

    public string AsOf => _renderer.AsOf(Now());

    public Task<ActivateResult> ActivateAsync(Guid userId, Guid? usageId, CancellationToken cancellationToken)
    {
        lock (_lock) return Task.FromResult(Activate(userId, usageId ?? Guid.NewGuid()));
    }

    public Task<ReleaseResult> ReleaseAsync(Guid tokenId, Guid usageId, CancellationToken cancellationToken)
    {
        lock (_lock) return Task.FromResult(Release(tokenId, usageId));
    }

    public Task<ClearResult> ClearAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            var open = All().Where(usage => usage.IsOpen).ToList();
            foreach (var usage in open) Close(usage, EndReason.Cleared);
            return Task.FromResult<ClearResult>(new ClearResult.Cleared(open.Count));
        }
    }

    public Task<StrongListResult> ReadListAsync(TokenFilter filter, CancellationToken cancellationToken) =>
        Task.FromResult<StrongListResult>(new StrongListResult.Found(List(filter), AsOf));

    public Task<StrongDetailsResult> ReadDetailsAsync(Guid tokenId, CancellationToken cancellationToken) =>
        Task.FromResult<StrongDetailsResult>(Details(tokenId) is { } body
            ? new StrongDetailsResult.Found(body, AsOf)
            : new StrongDetailsResult.TokenNotFound(AsOf));

    public Task<HistoryResult> ReadHistoryAsync(
        Guid tokenId, long? beforeFence, int limit, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (!_usages.TryGetValue(tokenId, out var usages))
                return Task.FromResult<HistoryResult>(new HistoryResult.TokenNotFound());

            var rest = usages.Where(usage => usage.Fence < (beforeFence ?? long.MaxValue)).Reverse().ToList();
            var page = rest.Take(limit).ToList();
            return Task.FromResult<HistoryResult>(
                new HistoryResult.Page(tokenId, page, usages.Count, rest.Count > limit ? page[^1].Fence : null));
        }
    }

    public PreparedList List(TokenFilter filter)
    {
        lock (_lock)
        {
            var views = _tokens.Select(View).ToList();
            var shown = views.Where(view => filter switch
            {
                TokenFilter.Active => view.Current is not null,
                TokenFilter.Available => view.Current is null,
                _ => true,
            });
            var body = new List<byte>();
            body.AddRange(_renderer.ListStart);
            foreach (var view in shown)
            {
                if (body.Count > _renderer.ListStart.Length) body.AddRange(_renderer.ListSeparator);
                body.AddRange(_renderer.ListItem(view));
            }

            body.AddRange(_renderer.ListEnd(views.Count, views.Count(view => view.Current is not null)));
            return new PreparedList(body.ToArray(), $"\"{Convert.ToHexString(SHA256.HashData(body.ToArray()))}\"");
        }
    }

    public byte[]? Details(Guid tokenId)
    {
        lock (_lock)
        {
            var ordinal = Array.IndexOf(_tokens, tokenId);
            return ordinal < 0 ? null : _renderer.Details(View(tokenId, ordinal));
        }
    }

    private ActivateResult Activate(Guid userId, Guid usageId)
    {
        if (All().FirstOrDefault(usage => usage.UsageId == usageId) is { } same)
        {
            return same.IsOpen && same.UserId == userId
                ? new ActivateResult.Granted(same)
                : new ActivateResult.UsageIdReused();
        }

        if (All().Any(usage => usage.IsOpen && usage.UserId == userId)) return new ActivateResult.UserAlreadyActive();
        if (_tokens.Where(IsFree).Select(token => (Guid?)token).FirstOrDefault() is not { } free)
        {
            var next = All().Where(usage => usage.IsOpen).Min(usage => usage.ExpiresAt);
            return new ActivateResult.PoolExhausted(next - Now());
        }

        var now = Now();
        var granted = new Usage(usageId, free, userId, _usages[free].Count + 1, now, now + Lease, null);
        _usages[free].Add(granted);
        return new ActivateResult.Granted(granted);
    }

    private ReleaseResult Release(Guid tokenId, Guid usageId)
    {
        if (!_usages.TryGetValue(tokenId, out var usages)) return new ReleaseResult.TokenNotFound();
        if (usages.Find(usage => usage.UsageId == usageId) is not { } usage) return new ReleaseResult.UsageMismatch();

        var end = usage.End ?? Close(usage, EndReason.Released);
        return end.Reason == EndReason.Released
            ? new ReleaseResult.Released(tokenId, usageId, end.At)
            : new ReleaseResult.AlreadyEnded(end);
    }

    private UsageEnd Close(Usage usage, EndReason reason)
    {
        var end = new UsageEnd(Now(), reason);
        _usages[usage.TokenId][(int)usage.Fence - 1] = usage with { End = end };
        return end;
    }

    private IEnumerable<Usage> All() => _usages.Values.SelectMany(usages => usages);

    private bool IsFree(Guid token) => _usages[token] is not [.., { IsOpen: true }];

    private TokenView View(Guid token, int ordinal)
    {
        var newest = _usages[token].LastOrDefault();
        return new TokenView(token, ordinal, newest?.Fence ?? 0, newest is { IsOpen: true } ? newest : null);
    }

    private static DateTimeOffset Now() => TimeProvider.System.GetUtcNow();
}
