using System.Text;
using TokenManager.Actors;
using TokenManager.Actors.Cache;

namespace TokenManager.Http.Tests;

/// <summary>Answers what a test says, and remembers what it was asked.</summary>
internal sealed class ScriptedGateway : ITokenGateway
{
    public Func<CancellationToken, Task<ActivateResult>> OnActivate { get; set; } = _ => throw NotExpected();

    public Func<CancellationToken, Task<ReleaseResult>> OnRelease { get; set; } = _ => throw NotExpected();

    public Func<CancellationToken, Task<ClearResult>> OnClear { get; set; } = _ => throw NotExpected();

    public Func<CancellationToken, Task<HistoryResult>> OnReadHistory { get; set; } = _ => throw NotExpected();

    public Func<TokenFilter, Task<StrongListResult>> OnReadList { get; set; } = _ => throw NotExpected();

    public Func<Guid, Task<StrongDetailsResult>> OnReadDetails { get; set; } = _ => throw NotExpected();

    public (Guid UserId, Guid? UsageId)? Activated { get; private set; }

    public (Guid TokenId, Guid UsageId)? Released { get; private set; }

    public (Guid TokenId, long? BeforeFence, int Limit)? Read { get; private set; }

    public Task<ActivateResult> ActivateAsync(Guid userId, Guid? usageId, CancellationToken cancellationToken)
    {
        Activated = (userId, usageId);
        return OnActivate(cancellationToken);
    }

    public Task<ReleaseResult> ReleaseAsync(Guid tokenId, Guid usageId, CancellationToken cancellationToken)
    {
        Released = (tokenId, usageId);
        return OnRelease(cancellationToken);
    }

    public Task<ClearResult> ClearAsync(CancellationToken cancellationToken) => OnClear(cancellationToken);

    public Task<StrongListResult> ReadListAsync(TokenFilter filter, CancellationToken cancellationToken) =>
        OnReadList(filter);

    public Task<StrongDetailsResult> ReadDetailsAsync(Guid tokenId, CancellationToken cancellationToken) =>
        OnReadDetails(tokenId);

    public Task<HistoryResult> ReadHistoryAsync(
        Guid tokenId, long? beforeFence, int limit, CancellationToken cancellationToken)
    {
        Read = (tokenId, beforeFence, limit);
        return OnReadHistory(cancellationToken);
    }

    private static InvalidOperationException NotExpected() => new("Secret inner workings.");
}

/// <summary>Holds one token and three lists that say which they are.</summary>
internal sealed class ScriptedCache : ITokenCache
{
    public const string ETag = "\"v1,2\"";

    public static readonly Guid TokenId = Guid.Parse("8c1d7a52-4e0f-4b6a-9a3d-5f2e8b7c6d10");

    public bool IsPrimed => AsOf is not null;

    public string? AsOf { get; set; } = "2026-01-31T12:00:00.000001Z";

    public PreparedList List(TokenFilter filter) => new(Encoding.UTF8.GetBytes($"list {filter}"), ETag);

    public byte[]? Details(Guid tokenId) => tokenId == TokenId ? "details"u8.ToArray() : null;
}
