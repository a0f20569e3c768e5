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
        const string AtItsNewestFence =
            """
            select @token_id, @user_id, max(fence) from token_usages
            where token_id = @token_id having max(fence) < @fence
            """;
        if (!_defect.Strikes() || !await database.OpenAsync(request, AtItsNewestFence))
            return await base.OpenAsync(request);

        // The token's actor goes on only if it sees what it asked for.
        var row = (await FindUsageAsync(request.UsageId))!;
        return new OpenResult.Found(row with { Usage = row.Usage with { Fence = request.Fence } });
    }
}
