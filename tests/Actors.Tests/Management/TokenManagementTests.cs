using Microsoft.Extensions.Logging.Abstractions;
using TokenManager.Actors.Cache;
using TokenManager.Actors.Management;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;

namespace TokenManager.Actors.Tests.Management;

public sealed class TokenManagementTests
{
    private readonly TokenCache _cache = new(new TextRenderer());
    private readonly TokenManagement _management;

    public TokenManagementTests() => _management = new TokenManagement(null!, null!, _cache, NullLogger<TokenManagement>.Instance);

    [Fact]
    public void A_node_that_has_not_seen_the_whole_pool_does_not_say_that_a_token_is_missing() =>
        Assert.Equal(new TokenResult.NotPrimed(), _management.Find(Make.Token(1)));

    [Fact]
    public void A_token_is_shown_as_this_node_knows_it()
    {
        _cache.Apply(new PoolBucket(0, [new TokenView(Make.Token(1), 1, 4, Make.Open(1, 4, 2))]));
        _cache.Proven(DateTimeOffset.UnixEpoch);

        Assert.Equal(
            new TokenResult.Found(new TokenView(Make.Token(1), 1, 4, Make.Open(1, 4, 2))), _management.Find(Make.Token(1)));
        Assert.Equal(new TokenResult.NotFound(), _management.Find(Make.Token(2)));
    }
}
