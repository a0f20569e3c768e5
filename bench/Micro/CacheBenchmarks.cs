using BenchmarkDotNet.Attributes;
using TokenManager.Actors;
using TokenManager.Actors.Cache;
using TokenManager.Actors.Pool;
using TokenManager.Http;

namespace TokenManager.Bench.Micro;

/// <summary>What a read costs in the cache: a hundred tokens, forty of them lent.</summary>
public class CacheBenchmarks
{
    private const int Tokens = 100;
    private const int Active = 40;

    private static readonly Guid Token = Samples.Id(Active / 2);

    private readonly TokenCache _cache = new(new JsonTokenRenderer());

    /// <summary>Fills the cache.</summary>
    [GlobalSetup]
    public void Fill()
    {
        _cache.Apply(new PoolBucket(0,
        [
            .. Enumerable.Range(0, Tokens).Select(number => number < Active
                ? new TokenView(Samples.Id(number), number, 1, Samples.Usage(number))
                : new TokenView(Samples.Id(number), number, 0, Current: null)),
        ]));
        _cache.Resize(Tokens, DateTimeOffset.UnixEpoch);
        _cache.Proven(DateTimeOffset.UnixEpoch);
    }

    /// <summary>The prepared details of one token.</summary>
    [Benchmark]
    public object? Details() => _cache.Details(Token);

    /// <summary>The prepared list.</summary>
    [Benchmark]
    public object List() => _cache.List(TokenFilter.All);
}
