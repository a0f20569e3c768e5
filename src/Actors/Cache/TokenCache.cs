using System.IO.Hashing;
using TokenManager.Actors.Pool;

namespace TokenManager.Actors.Cache;

/// <summary>
/// The read model of one node. Readers take no lock but at the first read of a list after a change, which puts the
/// list together; writers are few. An older version never replaces a newer one, so changes may come in any order, and
/// from anywhere.
/// </summary>
internal sealed class TokenCache(ITokenRenderer renderer) : ITokenCache
{
    private readonly Lock _writing = new();
    private readonly Lock _building = new();
    private readonly Built?[] _lists = new Built?[3];
    private volatile Members _members = Members.None;
    private volatile bool _isPrimed;
    private long _changes;

    private sealed record Rendered(TokenView View, byte[] Details, byte[] ListItem);

    private sealed class Entry(Rendered rendered)
    {
        private volatile Rendered _rendered = rendered;

        public Rendered Rendered
        {
            get => _rendered;
            set => _rendered = value;
        }
    }

    /// <summary>Which tokens there are; replaced as a whole, because it hardly ever changes.</summary>
    private sealed record Members(Dictionary<Guid, Entry> ById, Entry[] ByOrdinal)
    {
        public static readonly Members None = new([], []);
    }

    private sealed record Built(long Changes, PreparedList List);

    public bool IsPrimed => _isPrimed;

    public byte[]? Details(Guid tokenId) =>
        _members.ById.TryGetValue(tokenId, out var entry) ? entry.Rendered.Details : null;

    /// <summary>What is known of a token of the pool; null if there is no such token.</summary>
    public TokenView? Find(Guid tokenId) =>
        _members.ById.TryGetValue(tokenId, out var entry) ? entry.Rendered.View : null;

    public PreparedList List(TokenFilter filter)
    {
        var built = Volatile.Read(ref _lists[(int)filter]);
        return built is not null && built.Changes == Volatile.Read(ref _changes) ? built.List : Build(filter);
    }

    /// <summary>Takes over a change, if it is newer than what is known. A token never heard of is left to the next pull.</summary>
    public void Apply(Guid tokenId, long fence, Usage? current)
    {
        lock (_writing)
        {
            if (!_members.ById.TryGetValue(tokenId, out var entry))
                return;

            var known = entry.Rendered.View;
            if (TokenView.VersionOf(fence, current is not null) <= known.Version)
                return;

            entry.Rendered = Render(known with { Fence = fence, Current = current });
            Interlocked.Increment(ref _changes);
        }
    }

    /// <summary>
    /// Takes over whole buckets: what is newer in them, what is new, and that what they lack is no longer there.
    /// </summary>
    /// <param name="buckets">As the pool sent them.</param>
    /// <param name="count">How many buckets the pool has; what lies beyond is gone.</param>
    public void Apply(IReadOnlyCollection<PoolBucket> buckets, int count)
    {
        lock (_writing)
        {
            var entries = new List<Entry>(_members.ByOrdinal.Length);
            var replaced = buckets.Select(bucket => bucket.Bucket).ToHashSet();
            entries.AddRange(_members.ByOrdinal.Where(entry =>
            {
                var bucket = TokenDigest.BucketOf(entry.Rendered.View.Ordinal);
                return bucket < count && !replaced.Contains(bucket);
            }));
            foreach (var view in buckets.SelectMany(bucket => bucket.Tokens))
            {
                if (!_members.ById.TryGetValue(view.TokenId, out var entry))
                    entry = new Entry(Render(view));
                else if (view.Version > entry.Rendered.View.Version)
                    entry.Rendered = Render(view);
                entries.Add(entry);
            }

            entries.Sort((a, b) => a.Rendered.View.Ordinal.CompareTo(b.Rendered.View.Ordinal));
            _members = new Members(
                entries.ToDictionary(entry => entry.Rendered.View.TokenId), [.. entries]);
            Interlocked.Increment(ref _changes);
        }
    }

    /// <summary>Every token of the pool is known from now on.</summary>
    public void SetPrimed() => _isPrimed = true;

    /// <summary>The fingerprint of what is known, to be compared with the pool's.</summary>
    public ulong[] Digest()
    {
        var entries = _members.ByOrdinal;
        if (entries.Length == 0)
            return [];

        var digest = new ulong[TokenDigest.BucketOf(entries[^1].Rendered.View.Ordinal) + 1];
        foreach (var entry in entries)
        {
            var view = entry.Rendered.View;
            digest[TokenDigest.BucketOf(view.Ordinal)] += TokenDigest.Mix(view.Ordinal, view.Version);
        }

        return digest;
    }

    private Rendered Render(TokenView view) => new(view, renderer.Details(view), renderer.ListItem(view));

    private PreparedList Build(TokenFilter filter)
    {
        lock (_building)
        {
            // Read before the tokens: a change that comes while they are put together makes this list old at once.
            var changes = Volatile.Read(ref _changes);
            var built = Volatile.Read(ref _lists[(int)filter]);
            if (built is not null && built.Changes == changes)
                return built.List;

            var tokens = _members.ByOrdinal.Select(entry => entry.Rendered).ToArray();
            var active = tokens.Count(token => token.View.Current is not null);
            var body = new MemoryStream(capacity: 256 + tokens.Sum(token => token.ListItem.Length + 1));
            body.Write(renderer.ListStart);
            var first = true;
            foreach (var token in tokens)
            {
                if (filter is not TokenFilter.All && filter is TokenFilter.Active != token.View.Current is not null)
                    continue;

                if (!first)
                    body.Write(renderer.ListSeparator);
                body.Write(token.ListItem);
                first = false;
            }

            body.Write(renderer.ListEnd(tokens.Length, active));
            var bytes = body.GetBuffer().AsMemory(0, (int)body.Length);
            var list = new PreparedList(bytes, $"\"{Convert.ToHexStringLower(XxHash128.Hash(bytes.Span))}\"");
            Volatile.Write(ref _lists[(int)filter], new Built(changes, list));
            return list;
        }
    }
}
