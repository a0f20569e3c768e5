using TokenManager.Actors.Ledger;

namespace TokenManager.Faults.Node;

internal sealed class WithoutTokenIndex(IOwnedLedger ledger, Database database) : DefectiveLedger(ledger)
{
    // Most of whose lease is still to come.
    private const string TheOneLentLast =
        "select token_id, @user_id, fence + 1 from token_usages where ended_at is null order by started_at desc limit 1";

    private readonly EveryFifth _defect = new();

    public override async Task DeclarePoolAsync(int size, string appVersion, CancellationToken cancellationToken)
    {
        await base.DeclarePoolAsync(size, appVersion, cancellationToken);
        await database.AskAsync("drop index if exists token_usages_one_per_token");
    }

    public override async Task<OpenResult> OpenAsync(OpenUsage request) =>
        await _defect.StrikesAsync(() => database.OpenAsync(request, TheOneLentLast))
            ? new OpenResult.Found((await FindUsageAsync(request.UsageId))!)
            : await base.OpenAsync(request);

    // A token's actor cannot be there with two open usages; so it hears of the newer one when the older one has ended.
    public override async Task<IReadOnlyList<UsageRow>> ReadTokenAsync(Guid tokenId, long fromFence)
    {
        var rows = await base.ReadTokenAsync(tokenId, fromFence);
        return [.. rows.TakeWhile((_, i) => i == 0 || !rows[i - 1].Usage.IsOpen)];
    }

    // The product's own waits until it sees each token once, which now is not before the older usage has ended.
    public override async Task<PoolImage> LoadPoolAsync(CancellationToken cancellationToken)
    {
        var image = await ReadPoolAsync(cancellationToken);
        return image with
        {
            Tokens = [.. image.Tokens.OrderByDescending(token => token.Open?.Usage.Fence).DistinctBy(token => token.TokenId)],
        };
    }
}
