using BenchmarkDotNet.Attributes;
using TokenManager.Actors;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tokens;

namespace TokenManager.Bench.Micro;

/// <summary>What the pool decides for one activation and the release of the same token, in pools of two sizes.</summary>
public class PoolDeciderBenchmarks
{
    private const int FirstUsage = 1_000_000;

    private static readonly TimeSpan Now = TimeSpan.FromHours(1);
    private static readonly Caller Caller = new(new object(), Now + PoolDecider.CallerPatience);
    private static readonly Guid User = Samples.Id(FirstUsage - 1);

    private PoolDecider _pool = null!;
    private long[] _fences = [];
    private int _usages;

    /// <summary>How many tokens the pool has.</summary>
    [Params(100, 100_000)]
    public int Tokens { get; set; }

    /// <summary>Fills the pool.</summary>
    [GlobalSetup]
    public void Fill()
    {
        _pool = new PoolDecider(new PoolSettings { Size = Tokens });
        _pool.Load(
            new PoolImage(Tokens, [.. Enumerable.Range(0, Tokens).Select(number => new PoolToken(Samples.Id(number), number, 0, Open: null))]),
            Now);
        _fences = new long[Tokens];
    }

    /// <summary>Request, the token's answer, the release's request, the token's answer; all effects are taken.</summary>
    [Benchmark]
    public object ActivateAndRelease()
    {
        var usageId = Samples.Id(FirstUsage + _usages++);
        _pool.Activate(new PoolRequest.ActivateToken(User, usageId, CallerChoseUsageId: false), Caller, Now);
        var ask = (TokenCommand.Activate)((PoolEffect.TellToken)_pool.TakeEffects()[0]).Command;
        var token = Samples.NumberOf(ask.TokenId);
        var usage = Samples.Usage(token, ++_fences[token], usageId, User);
        _pool.TokenAnswered(new TokenAnswer.Activated(ask.TokenId, Samples.Row(usage)), Now);
        _pool.TakeEffects();
        _pool.ReleaseToken(new PoolRequest.ReleaseToken(ask.TokenId, usageId), Caller, Now);
        _pool.TakeEffects();
        _pool.TokenAnswered(new TokenAnswer.Ended(ask.TokenId, Samples.Ended(usage)), Now);
        return _pool.TakeEffects();
    }
}
