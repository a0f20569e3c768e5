using BenchmarkDotNet.Attributes;
using TokenManager.Actors;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Serialization;
using TokenManager.Actors.Tokens;

namespace TokenManager.Bench.Micro;

/// <summary>There and back again: what is journaled and sent for one activation.</summary>
public class SerializerBenchmarks
{
    private static readonly Usage Usage = Samples.Usage(0);

    private readonly WireSerializer _serializer = new(null!);

    /// <summary>From the gateway to the pool.</summary>
    [Benchmark]
    public object PoolActivate() =>
        RoundTrip(new PoolRequest.ActivateToken(Usage.UserId, Usage.UsageId, CallerChoseUsageId: true) { NotAfter = Usage.StartedAt });

    /// <summary>From the pool to the token.</summary>
    [Benchmark]
    public object TokenActivate() => RoundTrip(
        new TokenCommand.Activate(Usage.TokenId, Usage.UsageId, Usage.UserId, Samples.Lease) { NotAfter = Usage.StartedAt });

    /// <summary>To the journal.</summary>
    [Benchmark]
    public object TokenActivated() => RoundTrip(new TokenEvent.TokenActivated(
        Usage.TokenId, Usage.UsageId, Usage.UserId, Usage.Fence, Usage.StartedAt, Usage.ExpiresAt));

    /// <summary>From the token to the pool.</summary>
    [Benchmark]
    public object TokenAnswered() => RoundTrip(new TokenAnswer.Activated(Usage.TokenId, Samples.Row(Usage)));

    /// <summary>To every cache.</summary>
    [Benchmark]
    public object TokenPublished() => RoundTrip(new TokenChanged(Usage.TokenId, Usage.Fence, Usage));

    private object RoundTrip(object message) =>
        _serializer.FromBinary(_serializer.ToBinary(message), _serializer.Manifest(message));
}
