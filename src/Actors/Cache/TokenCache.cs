using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;

namespace TokenManager.Actors.Cache;

/// <summary>
/// The read model of one node. Readers take no lock but at the first read of a list after a change, which puts the
/// list together; writers are few. An older version never replaces a newer one, so changes may come in any order, and
/// from anywhere, even from a pool that is stale.
/// </summary>
internal sealed class TokenCache(ITokenRenderer renderer) : ITokenCache
{
    private readonly Lock _writing = new();
    private readonly Lock _building = new();
    private readonly Built?[] _lists = new Built?[3];

    // Every token ever heard of. One that has left the pool stays, so that it cannot come back older than it was.
    private readonly Dictionary<Guid, Entry> _known = [];
    private ulong[] _digest = [];
    private int _size;
    private DateTimeOffset _sizeReadAt;
    private bool _membersAreOld;
    private DateTimeOffset _provenAt;
    private volatile Members _members = Members.None;
    private volatile string? _asOf;
    private volatile DatabaseTime? _databaseTime;

    // Odd while a change is on its way to readers: then neither an old list nor a new one may be taken for current.
    private long _changes;

    private sealed record Rendered(TokenView View, byte[] Details, byte[] ListItem)
    {
        public bool IsActive => View.Current is not null;
    }

    private sealed class Entry(Rendered rendered)
    {
        private volatile Rendered _rendered = rendered;

        public Rendered Rendered
        {
            get => _rendered;
            set => _rendered = value;
        }

        /// <summary>Whether readers see it.</summary>
        public bool IsMember { get; set; }
    }

    /// <summary>Which tokens there are; replaced as a whole, because it hardly ever changes.</summary>
    private sealed record Members(Dictionary<Guid, Entry> ById, Entry[] ByOrdinal)
    {
        public static readonly Members None = new([], []);
    }

    private sealed record Built(long Changes, PreparedList List);

    public bool IsPrimed => _asOf is not null;

    public string? AsOf => _asOf;

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

    /// <summary>Takes over a change, if it is newer than what is known.</summary>
    /// <returns>
    /// False if readers will see it only after the next proof: the token was never heard of, or is new to the pool.
    /// </returns>
    public bool Apply(Guid tokenId, long fence, Usage? current)
    {
        lock (_writing)
        {
            if (!_known.TryGetValue(tokenId, out var entry))
                return false;

            Renew(entry, entry.Rendered.View with { Fence = fence, Current = current });
            return entry.IsMember || !Belongs(entry);
        }
    }

    /// <summary>
    /// Takes over what is newer in a bucket, and what is new. That a token is not in it says nothing: the pool may be
    /// stale, and who belongs to the pool follows from its size.
    /// </summary>
    /// <returns>The tokens of which the pool knows less than this node.</returns>
    public IReadOnlyList<Guid> Apply(PoolBucket bucket)
    {
        lock (_writing)
        {
            var behind = new List<Guid>();
            foreach (var view in bucket.Tokens)
            {
                if (!_known.TryGetValue(view.TokenId, out var entry))
                {
                    _known.Add(view.TokenId, entry = new Entry(Render(view)));
                    _membersAreOld |= Belongs(entry);
                }
                else if (view.Version < entry.Rendered.View.Version)
                {
                    behind.Add(view.TokenId);
                }
                else
                {
                    Renew(entry, view);
                }
            }

            return behind;
        }
    }

    /// <summary>Takes over what a statement saw, as far as it is newer; what is unknown is left to the next pull.</summary>
    public void Apply(IEnumerable<PoolToken> tokens)
    {
        foreach (var token in tokens)
            Apply(token.TokenId, token.Fence, token.Open?.Usage);
    }

    /// <summary>Takes over the pool's size, unless a later reading of it is known.</summary>
    /// <param name="size">Tokens from this ordinal on belong to the pool only while they are lent.</param>
    /// <param name="readAt">The database's time when it was read.</param>
    public void Resize(int size, DateTimeOffset readAt)
    {
        lock (_writing)
        {
            if (readAt >= _sizeReadAt)
            {
                _membersAreOld |= size != _size;
                (_size, _sizeReadAt) = (size, readAt);
            }

            ShowMembers();
        }
    }

    /// <summary>From now on at least all that the pool knew at that time is shown. Never goes back.</summary>
    /// <param name="asOf">By the database's clock.</param>
    public void Proven(DateTimeOffset asOf)
    {
        lock (_writing)
        {
            ShowMembers();
            if (_asOf is not null && asOf <= _provenAt)
                return;

            _provenAt = asOf;
            _asOf = renderer.AsOf(asOf);
        }
    }

    /// <summary>The pool has said what the database's clock says.</summary>
    /// <param name="asOf">What it said.</param>
    /// <param name="askedAt">When it was asked, on any monotonic clock.</param>
    public void HeardTime(DateTimeOffset asOf, TimeSpan askedAt)
    {
        var databaseTime = new DatabaseTime();
        databaseTime.Heard(asOf, askedAt);
        _databaseTime = databaseTime;
    }

    /// <summary>
    /// The database's time as the pool knows it, ahead of that by what the question took at most: what is limited by it
    /// is over rather too late than too early. Null while the pool has said nothing.
    /// </summary>
    public DateTimeOffset? DatabaseTimeAt(TimeSpan now) => _databaseTime?.At(now);

    /// <summary>The fingerprint of what is shown, to be compared with the pool's.</summary>
    public ulong[] Digest()
    {
        lock (_writing)
            return [.. _digest];
    }

    /// <summary>The list of what a statement saw, in the very bytes that this cache would show for it.</summary>
    public PreparedList ListOf(PoolImage image, TokenFilter filter)
    {
        var members = _members;
        return Join(
            [
                .. image.Tokens.Select(token =>
                {
                    var view = ViewOf(token);
                    return members.ById.TryGetValue(token.TokenId, out var entry)
                        && entry.Rendered is var known && known.View.Version == view.Version
                            ? (known.ListItem, known.IsActive)
                            : (renderer.ListItem(view), view.Current is not null);
                }),
            ],
            filter);
    }

    /// <summary>As above, for one token's details.</summary>
    public byte[] DetailsOf(PoolToken token) => renderer.Details(ViewOf(token));

    /// <summary>As above, for the time of the statement.</summary>
    public string AsOfText(DateTimeOffset time) => renderer.AsOf(time);

    private static TokenView ViewOf(PoolToken token) =>
        new(token.TokenId, token.Ordinal, token.Fence, token.Open?.Usage);

    private bool Belongs(Entry entry) => entry.Rendered.View.Ordinal < _size || entry.Rendered.IsActive;

    private void Renew(Entry entry, TokenView view)
    {
        var known = entry.Rendered.View;
        if (view.Version <= known.Version)
            return;

        var rendered = Render(view);
        Interlocked.Increment(ref _changes);
        entry.Rendered = rendered;
        Interlocked.Increment(ref _changes);

        if (entry.IsMember)
        {
            _digest[TokenDigest.BucketOf(view.Ordinal)] +=
                TokenDigest.Mix(view.Ordinal, view.Version) - TokenDigest.Mix(view.Ordinal, known.Version);
        }

        _membersAreOld |= entry.IsMember != Belongs(entry);
    }

    private void ShowMembers()
    {
        if (!_membersAreOld)
            return;

        _membersAreOld = false;
        foreach (var entry in _known.Values)
            entry.IsMember = Belongs(entry);
        var entries = _known.Values.Where(entry => entry.IsMember).OrderBy(entry => entry.Rendered.View.Ordinal).ToArray();
        var members = new Members(entries.ToDictionary(entry => entry.Rendered.View.TokenId), entries);
        _digest = entries.Length == 0 ? [] : new ulong[TokenDigest.BucketOf(entries[^1].Rendered.View.Ordinal) + 1];
        foreach (var view in entries.Select(entry => entry.Rendered.View))
            _digest[TokenDigest.BucketOf(view.Ordinal)] += TokenDigest.Mix(view.Ordinal, view.Version);

        Interlocked.Increment(ref _changes);
        _members = members;
        Interlocked.Increment(ref _changes);
    }

    private Rendered Render(TokenView view) => new(view, renderer.Details(view), renderer.ListItem(view));

    private PreparedList Build(TokenFilter filter)
    {
        lock (_building)
        {
            // Read before the tokens: a change that comes while they are put together makes this list old at once.
            var changes = ReadChanges();
            var built = Volatile.Read(ref _lists[(int)filter]);
            if (built is not null && built.Changes == changes)
                return built.List;

            var list = Join(
                [.. _members.ByOrdinal.Select(entry => entry.Rendered).Select(token => (token.ListItem, token.IsActive))],
                filter);
            Volatile.Write(ref _lists[(int)filter], new Built(changes, list));
            return list;
        }
    }

    private long ReadChanges()
    {
        var changes = Volatile.Read(ref _changes);
        if (long.IsEvenInteger(changes))
            return changes;

        lock (_writing)
            return _changes;
    }

    private PreparedList Join((byte[] Item, bool IsActive)[] tokens, TokenFilter filter)
    {
        var shown = filter is TokenFilter.All
            ? tokens
            : [.. tokens.Where(token => token.IsActive == filter is TokenFilter.Active)];
        return PreparedList.Join(
            renderer, [.. shown.Select(token => token.Item)], tokens.Length, tokens.Count(token => token.IsActive));
    }
}
