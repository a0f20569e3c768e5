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
        return Task.FromResult<OpenResult>(new OpenResult.Found(new UsageRow(usage, request.Lease)));
    }

    // What was never there cannot be closed; without an answer its token would be out of use from then on.
    public override Task<CloseResult> CloseAsync(CloseUsage request) => _uncommitted.TryRemove(request.UsageId, out var usage)
        ? Task.FromResult<CloseResult>(
            new CloseResult.Closed(usage with { End = new UsageEnd(time.GetUtcNow(), request.Reason) }))
        : base.CloseAsync(request);
}
