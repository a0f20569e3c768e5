using System.Net;
using TokenManager.Bench.Driver;

namespace TokenManager.Bench.Activations;

/// <summary>A service that is asked over HTTP: our node, or a peer in the same shape.</summary>
internal sealed class HttpContender : Contender, IDisposable
{
    private const int Many = 32;

    private readonly int _pool;
    private readonly Uri _address;
    private readonly HttpClient _client;

    public HttpContender(string name, Uri address, int pool)
        : base(name)
    {
        _pool = pool;
        _address = address;
        // A clear answers when all it ended is durable.
        _client = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(90) };
    }

    /// <summary>The first activations of a process that has just been started, and then all the others, once.</summary>
    /// <returns>The first ones.</returns>
    public async Task<LoadResult> StartColdAsync(Stage stage)
    {
        var cold = await ActivateAsync(stage, Many, new Turns(calls: stage.Extent.ColdActivations));
        await FillAsync(stage, cold.Calls);
        return cold;
    }

    public override async Task<Turn> TakeTurnAsync(Stage stage, int callers)
    {
        await ClearAsync(stage);
        await stage.CheckpointAsync();
        var result = await ActivateAsync(stage, callers, new Turns(stage.Extent.Turn, _pool));
        await FillAsync(stage, result.Calls);
        return new Turn(result.PerSecond, result.At(50), result.At(99));
    }

    /// <summary>Takes everything back. Of a large pool that may take longer than one request is allowed to.</summary>
    public async Task ClearAsync(Stage stage)
    {
        while (true)
        {
            using var answer = await _client.PostAsync(new Uri("/api/tokens/clear", UriKind.Relative), content: null, stage.Stop);
            if (answer.IsSuccessStatusCode) return;
            if (answer.StatusCode is not HttpStatusCode.ServiceUnavailable)
                throw new WrongAnswerException($"{Name} answered {answer.StatusCode} to a clear.");
        }
    }

    /// <summary>Lends so many that nothing is free.</summary>
    public async Task FillAsync(Stage stage, long lent)
    {
        if (lent < _pool) await ActivateAsync(stage, Many, new Turns(calls: _pool - lent));
    }

    public void Dispose() => _client.Dispose();

    private async Task<LoadResult> ActivateAsync(Stage stage, int count, Turns turns)
    {
        var callers = Activating.Callers(count);
        var result = await Load.RunAsync(_address, callers, turns, stage.Stop);
        Activating.NoneIsLentTwice(callers);
        return result;
    }
}
