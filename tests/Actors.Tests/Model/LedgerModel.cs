using TokenManager.Actors.Ledger;

namespace TokenManager.Actors.Tests.Model;

/// <summary>
/// The ledger's rules in memory, one statement at a time: what the SQL promises, without a database. Its time is moved
/// by the test.
/// </summary>
internal sealed class LedgerModel
{
    private readonly Dictionary<Guid, Usage> _rows = [];
    private readonly List<Usage> _open = [];

    public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public IReadOnlyCollection<Usage> Rows => _rows.Values;

    public IReadOnlyList<Usage> OpenRows => _open;

    public OpenResult Open(OpenUsage request)
    {
        if (_rows.TryGetValue(request.UsageId, out var same))
            return new OpenResult.Found(RowOf(same)) { WasThere = true };
        if (OpenRows.FirstOrDefault(usage => usage.UserId == request.UserId) is { } held)
            return new OpenResult.UserHolds(RowOf(held));
        if (UsagesOf(request.TokenId, request.Fence) is [.., var newest])
            return new OpenResult.TokenBehind(RowOf(newest));
        if (OpenRows.FirstOrDefault(usage => usage.TokenId == request.TokenId) is { } lent)
            return new OpenResult.TokenBehind(RowOf(lent));
        if (Now > request.NotAfter)
            return new OpenResult.TooLate();

        var opened = new Usage(
            request.UsageId, request.TokenId, request.UserId, request.Fence, Now, Now + request.Lease, End: null);
        _rows.Add(opened.UsageId, opened);
        _open.Add(opened);
        return new OpenResult.Found(RowOf(opened));
    }

    public CloseResult Close(CloseUsage request)
    {
        if (!_rows.TryGetValue(request.UsageId, out var usage))
            return new CloseResult.NotFound();
        if (!usage.IsOpen)
            return new CloseResult.Closed(usage) { WasThere = true };
        if (request.Reason is EndReason.Expired && (usage.ExpiresAt > Now || usage.ExpiresAt != request.ExpiresAt))
            return new CloseResult.NotDue(RowOf(usage));

        var closed = usage with { End = new UsageEnd(Now, request.Reason) };
        _rows[usage.UsageId] = closed;
        _open.Remove(usage);
        return new CloseResult.Closed(closed);
    }

    public UsageRow? Find(Guid usageId) => _rows.TryGetValue(usageId, out var usage) ? RowOf(usage) : null;

    public IReadOnlyList<UsageRow> Read(Guid tokenId, long fromFence) =>
        [.. UsagesOf(tokenId, fromFence).Select(RowOf)];

    public PoolImage Load(IReadOnlyList<Guid> tokens, int size) => new(
        size,
        [.. tokens.Select((token, ordinal) => new PoolToken(
            token,
            ordinal,
            UsagesOf(token, 1) is [.., var newest] ? newest.Fence : 0,
            OpenRows.FirstOrDefault(usage => usage.TokenId == token) is { } open ? RowOf(open) : null))])
    {
        ReadAt = Now,
    };

    private UsageRow RowOf(Usage usage) => new(usage, usage.ExpiresAt - Now);

    private List<Usage> UsagesOf(Guid tokenId, long fromFence) =>
        [.. _rows.Values.Where(usage => usage.TokenId == tokenId && usage.Fence >= fromFence).OrderBy(usage => usage.Fence)];
}
