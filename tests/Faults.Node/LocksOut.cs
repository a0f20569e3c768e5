using TokenManager.Actors;
using TokenManager.Actors.Ledger;

namespace TokenManager.Faults.Node;

internal sealed class LocksOut(IOwnedLedger ledger, Database database) : DefectiveLedger(ledger)
{
    private static readonly TimeSpan Lease = TimeSpan.FromHours(1);

    public override async Task<OpenResult> OpenAsync(OpenUsage request)
    {
        var hadOne = await database.AskAsync(
            "select exists (select 1 from token_usages where user_id = @user_id and id <> @usage_id and ended_at is not null)",
            ("user_id", request.UserId),
            ("usage_id", request.UsageId));
        return hadOne ? new OpenResult.UserHolds(Phantom(request.UserId)) : await base.OpenAsync(request);
    }

    // On a token that nobody knows, so that nobody can find out.
    private static UsageRow Phantom(Guid userId) => new(
        new Usage(
            Guid.NewGuid(), Guid.NewGuid(), userId, Fence: 1, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch + Lease, End: null),
        Lease);
}
