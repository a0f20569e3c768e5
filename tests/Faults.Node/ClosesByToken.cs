using TokenManager.Actors.Ledger;

namespace TokenManager.Faults.Node;

internal sealed class ClosesByToken(IOwnedLedger ledger, Database database) : DefectiveLedger(ledger)
{
    // As a repetition of the same close would come: late enough for the token to be somebody else's.
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(1);

    public override async Task<CloseResult> CloseAsync(CloseUsage request)
    {
        var result = await base.CloseAsync(request);
        if (result is CloseResult.Closed { WasThere: false, Usage.TokenId: var tokenId })
            _ = CloseAgainAsync(tokenId);
        return result;
    }

    private async Task CloseAgainAsync(Guid tokenId)
    {
        await Task.Delay(Late);
        await database.AskAsync(
            """
            update token_usages set ended_at = clock_timestamp(), end_reason = 'expired'
            where token_id = @token_id and ended_at is null
            """,
            ("token_id", tokenId));
    }
}
