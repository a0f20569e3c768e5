using TokenManager.Actors;
using TokenManager.Actors.Ledger;

namespace TokenManager.Faults.Node;

internal sealed class NeverExpires(IOwnedLedger ledger) : DefectiveLedger(ledger)
{
    private static readonly TimeSpan Later = TimeSpan.FromHours(1);

    public override async Task<CloseResult> CloseAsync(CloseUsage request) =>
        request.Reason is EndReason.Expired && await FindUsageAsync(request.UsageId) is { Usage.IsOpen: true } row
            ? new CloseResult.NotDue(row with { Remaining = Later })
            : await base.CloseAsync(request);

    public override async Task<SweepImage> SweepAsync(int limit, int fromOrdinal, CancellationToken cancellationToken) =>
        await base.SweepAsync(limit, fromOrdinal, cancellationToken) with { Overdue = [] };
}
