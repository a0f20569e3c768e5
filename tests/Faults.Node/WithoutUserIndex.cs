using TokenManager.Actors.Ledger;

namespace TokenManager.Faults.Node;

internal sealed class WithoutUserIndex(IOwnedLedger ledger, Database database) : DefectiveLedger(ledger)
{
    private readonly EveryFifth _defect = new();

    public override async Task DeclarePoolAsync(int size, string appVersion, CancellationToken cancellationToken)
    {
        await base.DeclarePoolAsync(size, appVersion, cancellationToken);
        await database.AskAsync("drop index if exists token_usages_open_user");
    }

    public override async Task<OpenResult> OpenAsync(OpenUsage request)
    {
        const string Free =
            """
            select t.id, coalesce((select max(u.fence) from token_usages u where u.token_id = t.id), 0) + 1
            from tokens t join pool p on t.ordinal < p.size
            where not exists (select 1 from token_usages o where o.token_id = t.id and o.ended_at is null)
            order by t.ordinal desc limit 1
            """;
        var result = await base.OpenAsync(request);
        // The pool would refuse the user a second one, so it is not asked.
        if (result is OpenResult.Found { WasThere: false } && _defect.Strikes())
            await database.OpenAsync(request with { UsageId = Guid.NewGuid() }, Free);
        return result;
    }
}
