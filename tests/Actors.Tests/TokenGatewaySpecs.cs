using Akka.TestKit;
using Akka.TestKit.Xunit2;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TokenManager.Actors.Cache;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;

namespace TokenManager.Actors.Tests;

/// <summary>The gateway before a pool that the test plays.</summary>
public sealed class TokenGatewaySpecs : TestKit
{
    private readonly FakeTimeProvider _time = new();
    private readonly TestProbe _pool;
    private readonly TestProbe _cacheActor;
    private readonly TokenGateway _gateway;

    public TokenGatewaySpecs()
        : base("akka.loglevel = OFF\nakka.stdout-loglevel = OFF" + Patience.Config)
    {
        _pool = CreateTestProbe();
        _cacheActor = CreateTestProbe();
        _gateway = new TokenGateway(
            _pool, _cacheActor, new TokenCache(new TextRenderer()), new LedgerDouble(), _time, NullLogger<TokenGateway>.Instance);
    }

    [Fact]
    public async Task A_usage_id_of_its_own_that_is_used_up_is_followed_by_another_one()
    {
        var result = _gateway.ActivateAsync(Make.User(1), usageId: null, CancellationToken.None);
        var first = await RequestAsync<PoolRequest.ActivateToken>();
        Reply(new PoolAnswer.UsageIdReused());
        var second = await RequestAsync<PoolRequest.ActivateToken>();
        Assert.NotEqual(first.UsageId, second.UsageId);
        Assert.False(second.CallerChoseUsageId);
        Reply(new PoolAnswer.Granted(Make.Open(0, 1, 1)));
        Assert.Equal(new ActivateResult.Granted(Make.Open(0, 1, 1)), await result);
    }

    [Fact]
    public async Task A_usage_id_of_the_callers_that_is_used_up_is_said_to_be()
    {
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        Assert.True((await RequestAsync<PoolRequest.ActivateToken>()).CallerChoseUsageId);
        Reply(new PoolAnswer.UsageIdReused());
        Assert.Equal(new ActivateResult.UsageIdReused(), await result);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_an_ask_without_an_answer_nobody_is_told_that_nothing_was_granted(bool answeredAtOnce)
    {
        var result = _gateway.ActivateAsync(Make.User(1), usageId: null, CancellationToken.None);
        var first = await RequestAsync<PoolRequest.ActivateToken>();
        if (!answeredAtOnce)
            Assert.Equal(first with { CallerChoseUsageId = true }, await RequestAsync<PoolRequest.ActivateToken>());
        Reply(new PoolAnswer.Unavailable(OutcomeUnknown: false));
        Assert.Equal(new ActivateResult.Unavailable(OutcomeUnknown: !answeredAtOnce), await result);
    }

    [Fact]
    public async Task In_its_last_moment_a_request_is_not_asked_over_and_over()
    {
        var result = _gateway.ActivateAsync(Make.User(1), Make.Usage(1), CancellationToken.None);
        await RequestAsync<PoolRequest.ActivateToken>();
        _time.Advance(TimeSpan.FromSeconds(4.2495));
        Assert.Equal(new ActivateResult.Unavailable(OutcomeUnknown: true), await result);
        Assert.False(_pool.HasMessages);
    }

    [Fact]
    public async Task A_clear_is_sent_once_and_only_to_a_pool_that_is_there()
    {
        var result = _gateway.ClearAsync(CancellationToken.None);
        await RequestAsync<PoolQuery.GetStatus>();
        Assert.False(_pool.HasMessages);
        Reply(new PoolStatus(1, 0, 1, 0, 0, NextRelease: null));
        await RequestAsync<PoolRequest.ClearTokens>();
        Reply(new PoolAnswer.Cleared(1));
        await _cacheActor.ExpectMsgAsync<TokenCacheActor.CatchUp>();
        _cacheActor.Reply("caught up");
        Assert.Equal(new ClearResult.Cleared(1), await result);
    }

    [Fact]
    public async Task A_clear_is_never_sent_to_a_pool_that_does_not_answer()
    {
        _time.AutoAdvanceAmount = TimeSpan.FromSeconds(2);
        Assert.Equal(new ClearResult.Unavailable(), await _gateway.ClearAsync(CancellationToken.None));
        await RequestAsync<PoolQuery.GetStatus>();
        while (_pool.HasMessages)
            await RequestAsync<PoolQuery.GetStatus>();
    }

    private Task<T> RequestAsync<T>() => _pool.ExpectMsgAsync<T>().AsTask();

    private void Reply(object answer) => _pool.Reply(answer);
}
