using TokenManager.Actors.Ledger;

namespace TokenManager.Faults.Node;

internal sealed class IgnoresFence(IOwnedLedger ledger, Database database) : DefectiveLedger(ledger)
{
    private readonly EveryFifth _defect = new();

    public override async Task DeclarePoolAsync(int size, string appVersion, CancellationToken cancellationToken)
    {
        await base.DeclarePoolAsync(size, appVersion, cancellationToken);
        await database.AskAsync("alter table token_usages drop constraint if exists token_usages_token_id_fence_key");
    }

    public override async Task<OpenResult> OpenAsync(OpenUsage request)
    {
        var isFirst = request.Fence == 1;
        if (isFirst || !_defect.Strikes()
            || !await database.OpenAsync(request with { Fence = request.Fence - 1 }, "select @token_id, @fence"))
            return await base.OpenAsync(request);

        // The token's actor goes on only if it sees what it asked for.
        var row = (await FindUsageAsync(request.UsageId))!;
        return new OpenResult.Found(row with { Usage = row.Usage with { Fence = request.Fence } });
    }
}
