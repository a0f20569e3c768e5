using TokenManager.Actors.Ledger;

namespace TokenManager.Faults.Node;

internal sealed class OverCapacity(IOwnedLedger ledger) : DefectiveLedger(ledger)
{
    public override Task DeclarePoolAsync(int size, string appVersion, CancellationToken cancellationToken) =>
        base.DeclarePoolAsync(size + 1, appVersion, cancellationToken);
}
