using TokenManager.Actors.Ledger;

namespace TokenManager.Actors.Cache;

/// <summary>What one statement saw of the whole pool, for all who share it: each list is put together once.</summary>
internal sealed class PoolReading(PoolImage image, TokenCache cache)
{
    private readonly Lazy<PreparedList>[] _lists =
        [.. Enum.GetValues<TokenFilter>().Select(filter => new Lazy<PreparedList>(() => cache.ListOf(image, filter)))];

    public string AsOf { get; } = cache.AsOfText(image.ReadAt);

    public PreparedList List(TokenFilter filter) => _lists[(int)filter].Value;
}
