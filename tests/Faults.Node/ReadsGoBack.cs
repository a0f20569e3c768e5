using System.Collections.Concurrent;
using TokenManager.Actors.Cache;

namespace TokenManager.Faults.Node;

internal sealed class ReadsGoBack(TokenCache cache, TimeProvider time) : ITokenCache
{
    // Longer than a short lease: by then much of an old list has been lent to others, and has been shown so.
    private static readonly TimeSpan KeptFor = TimeSpan.FromSeconds(6);

    private readonly ConcurrentDictionary<TokenFilter, (PreparedList List, long Since)> _lists = new();
    private readonly ConcurrentDictionary<Guid, Kept> _details = new();

    private sealed record Kept(long Version, byte[] Details)
    {
        /// <summary>Whether a newer usage has been shown since.</summary>
        public bool IsOld { get; init; }
    }

    public bool IsPrimed => cache.IsPrimed;

    public string? AsOf => cache.AsOf;

    public PreparedList List(TokenFilter filter)
    {
        var list = cache.List(filter);
        var (kept, since) = _lists.GetOrAdd(filter, (list, time.GetTimestamp()));
        if (time.GetElapsedTime(since) < KeptFor)
            return list;

        _lists[filter] = (list, time.GetTimestamp());
        return kept;
    }

    public byte[]? Details(Guid tokenId)
    {
        // Of two different users it can be told who came first; an available token always looks the same.
        var details = cache.Details(tokenId);
        if (details is null || cache.Find(tokenId) is not { Current: not null, Version: var version })
            return details;

        var kept = _details.GetOrAdd(tokenId, new Kept(version, details));
        if (kept.Version == version)
            return details;

        _details[tokenId] = kept.IsOld ? new Kept(version, details) : kept with { IsOld = true };
        return kept.IsOld ? kept.Details : details;
    }
}
