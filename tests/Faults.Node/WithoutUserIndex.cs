using TokenManager.Actors.Ledger;

namespace TokenManager.Faults.Node;

internal sealed class WithoutUserIndex(IOwnedLedger ledger, Database database) : DefectiveLedger(ledger)
{
    private const string ToWhoeverWasLentOneLast =
        "select @token_id, user_id, @fence from token_usages where ended_at is null order by started_at desc limit 1";

    private readonly EveryFifth _defect = new();

    public override async Task DeclarePoolAsync(int size, string appVersion, CancellationToken cancellationToken)
    {
        await base.DeclarePoolAsync(size, appVersion, cancellationToken);
        await database.AskAsync("drop index if exists token_usages_one_per_user");
    }

    public override async Task<CloseResult> CloseAsync(CloseUsage request)
    {
        var result = await base.CloseAsync(request);
        if (result is CloseResult.Closed { WasThere: false, Usage: var usage })
        {
            // The pool would refuse the user a second one. It is not asked: it does not know yet that the token is free.
            var next = new OpenUsage(
                Guid.NewGuid(), usage.TokenId, usage.UserId, usage.Fence + 1, usage.ExpiresAt - usage.StartedAt);
            await _defect.StrikesAsync(() => database.OpenAsync(next, ToWhoeverWasLentOneLast));
        }

        return result;
    }
}
