using TokenManager.Actors;
using TokenManager.Actors.Ledger;

namespace TokenManager.Faults.Node;

/// <summary>The product's ledger, of which a defect overrides what it does wrong.</summary>
internal abstract class DefectiveLedger(IOwnedLedger ledger) : IOwnedLedger
{
    public virtual Task DeclarePoolAsync(int size, string appVersion, CancellationToken cancellationToken) =>
        ledger.DeclarePoolAsync(size, appVersion, cancellationToken);

    public virtual Task<PoolImage> LoadPoolAsync(CancellationToken cancellationToken) =>
        ledger.LoadPoolAsync(cancellationToken);

    public Task<PoolImage> ReadPoolAsync(CancellationToken cancellationToken) => ledger.ReadPoolAsync(cancellationToken);

    public Task<Guid?> FindLentTokenAsync(CancellationToken cancellationToken) => ledger.FindLentTokenAsync(cancellationToken);

    public Task<TokenImage> FindTokenAsync(Guid tokenId) => ledger.FindTokenAsync(tokenId);

    public virtual Task<SweepImage> SweepAsync(int limit, int fromOrdinal, CancellationToken cancellationToken) =>
        ledger.SweepAsync(limit, fromOrdinal, cancellationToken);

    public virtual Task<OpenResult> OpenAsync(OpenUsage request) => ledger.OpenAsync(request);

    public virtual Task<CloseResult> CloseAsync(CloseUsage request) => ledger.CloseAsync(request);

    public virtual Task<IReadOnlyList<UsageRow>> ReadTokenAsync(Guid tokenId, long fromFence) =>
        ledger.ReadTokenAsync(tokenId, fromFence);

    public Task<UsageRow?> FindUsageAsync(Guid usageId) => ledger.FindUsageAsync(usageId);

    public Task<HistoryResult> ReadHistoryAsync(
        Guid tokenId, long? beforeFence, int limit, CancellationToken cancellationToken) =>
        ledger.ReadHistoryAsync(tokenId, beforeFence, limit, cancellationToken);

    public Task<DateTimeOffset> PingAsync(CancellationToken cancellationToken) => ledger.PingAsync(cancellationToken);

    public ValueTask DisposeAsync() => ledger.DisposeAsync();
}
