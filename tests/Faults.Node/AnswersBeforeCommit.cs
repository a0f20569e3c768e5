using System.Collections.Concurrent;
using TokenManager.Actors;
using TokenManager.Actors.Ledger;

namespace TokenManager.Faults.Node;

internal sealed class AnswersBeforeCommit(IOwnedLedger ledger, TimeProvider time) : DefectiveLedger(ledger)
{
    private readonly EveryFifth _defect = new();
    private readonly ConcurrentDictionary<Guid, Usage> _uncommitted = new();

    public override Task<OpenResult> OpenAsync(OpenUsage request)
    {
        if (!_defect.Strikes())
            return base.OpenAsync(request);

        var now = time.GetUtcNow();
        var usage = new Usage(
            request.UsageId, request.TokenId, request.UserId, request.Fence, now, now + request.Lease, End: null);
        _uncommitted[usage.UsageId] = usage;
        return Task.FromResult<OpenResult>(new OpenResult.Found(RowOf(usage)));
    }

    // To its token's actor the row is there: otherwise the token would be out of use from then on.
    public override Task<CloseResult> CloseAsync(CloseUsage request)
    {
        if (!_uncommitted.TryGetValue(request.UsageId, out var usage))
            return base.CloseAsync(request);

        var ended = usage with { End = new UsageEnd(time.GetUtcNow(), request.Reason) };
        _uncommitted[usage.UsageId] = ended;
        return Task.FromResult<CloseResult>(new CloseResult.Closed(ended));
    }

    public override async Task<IReadOnlyList<UsageRow>> ReadTokenAsync(Guid tokenId, long fromFence)
    {
        var committed = await base.ReadTokenAsync(tokenId, fromFence);
        var uncommitted = _uncommitted.Values.Where(usage => usage.TokenId == tokenId && usage.Fence >= fromFence);
        return [.. committed.Concat(uncommitted.Select(RowOf)).OrderBy(row => row.Usage.Fence)];
    }

    private UsageRow RowOf(Usage usage) => new(usage, usage.ExpiresAt - time.GetUtcNow());
}
