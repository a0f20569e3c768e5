using BenchmarkDotNet.Attributes;
using TokenManager.Actors;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Tokens;

namespace TokenManager.Bench.Micro;

/// <summary>What a token decides and remembers for one activation and one release.</summary>
public class TokenDeciderBenchmarks
{
    private static readonly Usage Running = Samples.Usage(0);

    private readonly TokenState _free = new TokenState.Available(Last: null);
    private readonly TokenState _lent = new TokenState.Active(Running);
    private readonly TokenCommand.Activate _activate = new(Running.TokenId, Running.UsageId, Running.UserId, Samples.Lease);
    private readonly TokenCommand.Release _release = new(Running.TokenId, Running.UsageId, EndReason.Released);
    private readonly OpenResult _opened = new OpenResult.Found(Samples.Row(Running));
    private readonly CloseResult _closed = new CloseResult.Closed(Samples.Ended(Running));
    private readonly TokenEvent _activated;
    private readonly TokenEvent _released;

    /// <summary>Makes the events that are applied.</summary>
    public TokenDeciderBenchmarks()
    {
        _activated = ((TokenStep.Journal)DecideActivation().Opened).Event;
        _released = ((TokenStep.Journal)DecideRelease().Closed).Event;
    }

    /// <summary>Both decisions of an activation: ask the ledger, then journal what it said.</summary>
    [Benchmark]
    public (object Asked, object Opened) DecideActivation() =>
        (TokenDecider.Decide(_free, _activate), TokenDecider.DecideOpened(_free, _activate, _opened));

    /// <summary>Both decisions of a release.</summary>
    [Benchmark]
    public (object Asked, object Closed) DecideRelease() =>
        (TokenDecider.Decide(_lent, _release), TokenDecider.DecideClosed(_lent, _closed));

    /// <summary>The event of the activation, then that of the release.</summary>
    [Benchmark]
    public object Apply() => TokenDecider.Apply(TokenDecider.Apply(_free, _activated), _released);
}
