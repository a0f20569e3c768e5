using TokenManager.Actors;
using TokenManager.Actors.Ledger;

namespace TokenManager.Faults.Node;

internal sealed class ExpiresEarly(IOwnedLedger ledger, Database database, TimeProvider time) : DefectiveLedger(ledger)
{
    private static readonly TimeSpan Fast = TimeSpan.FromSeconds(1);

    private DateTimeOffset NodeTime => time.GetUtcNow() + Fast;

    public override async Task<OpenResult> OpenAsync(OpenUsage request)
    {
        var result = await base.OpenAsync(request);
        return result is OpenResult.Found { Row: var row } found
            ? found with { Row = row with { Remaining = row.Usage.ExpiresAt - NodeTime } }
            : result;
    }

    public override async Task<CloseResult> CloseAsync(CloseUsage request)
    {
        var isClosed = request.Reason is EndReason.Expired && await database.AskAsync(
            """
            update token_usages set ended_at = clock_timestamp(), end_reason = 'expired'
            where id = @usage_id and ended_at is null and expires_at <= @node_time
            returning true
            """,
            ("usage_id", request.UsageId),
            ("node_time", NodeTime));
        var result = await base.CloseAsync(request);
        return isClosed && result is CloseResult.Closed closed ? closed with { WasThere = false } : result;
    }
}
