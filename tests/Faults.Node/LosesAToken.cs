using TokenManager.Actors.Ledger;

namespace TokenManager.Faults.Node;

internal sealed class LosesAToken(IOwnedLedger ledger) : DefectiveLedger(ledger)
{
    public override async Task<PoolImage> LoadPoolAsync(CancellationToken cancellationToken)
    {
        var image = await base.LoadPoolAsync(cancellationToken);
        return image with { Tokens = [.. image.Tokens.Skip(1)] };
    }
}
