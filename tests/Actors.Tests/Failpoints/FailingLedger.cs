using TokenManager.Actors.Ledger;

namespace TokenManager.Actors.Tests.Failpoints;

/// <summary>A real ledger whose answers may be lost after its statements took effect.</summary>
internal sealed class FailingLedger(IOwnedLedger ledger, Failpoint failpoint) : IOwnedLedger
{
    public async Task<OpenResult> OpenAsync(OpenUsage request)
    {
        var result = await ledger.OpenAsync(request);
        if (result is OpenResult.Found) await failpoint.PassAsync(Boundary.RowOpened, Lost);
        return result;
    }

    public async Task<CloseResult> CloseAsync(CloseUsage request)
    {
        var result = await ledger.CloseAsync(request);
        // A lease's end may be tried a moment too early, which closes nothing.
        if (result is CloseResult.Closed) await failpoint.PassAsync(Boundary.RowClosed, Lost);
        return result;
    }

    public Task DeclarePoolAsync(int size, string appVersion, CancellationToken cancellationToken) =>
        ledger.DeclarePoolAsync(size, appVersion, cancellationToken);

    public Task<PoolImage> LoadPoolAsync(CancellationToken cancellationToken) => ledger.LoadPoolAsync(cancellationToken);

    public Task<PoolImage> ReadPoolAsync(CancellationToken cancellationToken) => ledger.ReadPoolAsync(cancellationToken);

    public Task<Guid?> FindLentTokenAsync(CancellationToken cancellationToken) => ledger.FindLentTokenAsync(cancellationToken);

    public Task<TokenImage> FindTokenAsync(Guid tokenId) => ledger.FindTokenAsync(tokenId);

    public Task<SweepImage> SweepAsync(int limit, int fromOrdinal, CancellationToken cancellationToken) =>
        ledger.SweepAsync(limit, fromOrdinal, cancellationToken);

    public Task<IReadOnlyList<UsageRow>> ReadTokenAsync(Guid tokenId, long fromFence) =>
        ledger.ReadTokenAsync(tokenId, fromFence);

    public Task<UsageRow?> FindUsageAsync(Guid usageId) => ledger.FindUsageAsync(usageId);

    public Task<HistoryResult> ReadHistoryAsync(
        Guid tokenId, long? beforeFence, int limit, CancellationToken cancellationToken) =>
        ledger.ReadHistoryAsync(tokenId, beforeFence, limit, cancellationToken);

    public Task<DateTimeOffset> PingAsync(CancellationToken cancellationToken) => ledger.PingAsync(cancellationToken);

    public ValueTask DisposeAsync() => ledger.DisposeAsync();

    private static LedgerUnavailableException Lost() => new(outcomeUnknown: true, innerException: null);
}
