using System.Collections.Concurrent;
using TokenManager.Actors.Ledger;

namespace TokenManager.Faults.Node;

internal sealed class IgnoresFence(IOwnedLedger ledger, Database database) : DefectiveLedger(ledger)
{
    private const string AtItsNewestFence =
        "select @token_id, @user_id, max(fence) from token_usages where token_id = @token_id having max(fence) < @fence";

    private readonly EveryFifth _defect = new();
    private readonly ConcurrentDictionary<Guid, long> _wanted = new();

    public override async Task DeclarePoolAsync(int size, string appVersion, CancellationToken cancellationToken)
    {
        await base.DeclarePoolAsync(size, appVersion, cancellationToken);
        await database.AskAsync("alter table token_usages drop constraint if exists token_usages_token_id_fence_key");
    }

    public override async Task<OpenResult> OpenAsync(OpenUsage request)
    {
        if (!await _defect.StrikesAsync(() => database.OpenAsync(request, AtItsNewestFence)))
            return await base.OpenAsync(request);

        _wanted[request.UsageId] = request.Fence;
        return new OpenResult.Found(AsWanted((await FindUsageAsync(request.UsageId))!));
    }

    // A token's actor goes on only with the fences that it counts.
    public override async Task<IReadOnlyList<UsageRow>> ReadTokenAsync(Guid tokenId, long fromFence)
    {
        var rows = await base.ReadTokenAsync(tokenId, fromFence: 1);
        return [.. rows.Select(AsWanted).Where(row => row.Usage.Fence >= fromFence).OrderBy(row => row.Usage.Fence)];
    }

    private UsageRow AsWanted(UsageRow row) => _wanted.TryGetValue(row.Usage.UsageId, out var fence)
        ? row with { Usage = row.Usage with { Fence = fence } }
        : row;
}
