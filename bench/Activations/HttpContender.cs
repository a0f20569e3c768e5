using System.Net;
using TokenManager.Bench.Driver;

namespace TokenManager.Bench.Activations;

/// <summary>A service that is asked over HTTP: our node, or a peer in the same shape.</summary>
internal sealed class HttpContender : Contender, IDisposable
{
    private const int Many = 32;

    private static readonly TimeSpan ClearedWithin = TimeSpan.FromMinutes(10);

    private readonly int _pool;
    private readonly string? _database;
    private readonly Uri _address;
    private readonly HttpClient _client;

    /// <param name="name">Its name in the report.</param>
    /// <param name="address">Where it answers.</param>
    /// <param name="pool">How many tokens it has.</param>
    /// <param name="database">A connection string; null if it is not on PostgreSQL.</param>
    public HttpContender(string name, Uri address, int pool, string? database)
        : base(name)
    {
        _pool = pool;
        _database = database;
        _address = address;
        // A clear answers when all it ended is durable.
        _client = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(90) };
    }

    /// <summary>The first activations of a process that has just been started, and then all the others, once.</summary>
    /// <returns>The first ones.</returns>
    public async Task<LoadResult> StartColdAsync(Stage stage)
    {
        var lent = new HashSet<Guid>();
        var cold = await ActivateAsync(stage, Many, new Turns(calls: stage.Extent.ColdActivations), lent);
        await FillAsync(stage, lent);
        return cold;
    }

    public override async Task<Turn> TakeTurnAsync(Stage stage, int callers)
    {
        await ClearAsync(stage);
        await stage.TidyAsync(_database);
        var lent = new HashSet<Guid>();
        var result = await ActivateAsync(stage, callers, new Turns(stage.Extent.Turn, _pool), lent);
        if (_database is not null && await Stage.OpenUsagesAsync(_database) is var rows && rows != result.Calls)
            throw new WrongAnswerException($"{Name} granted {result.Calls} activations, its table has {rows}.");
        await FillAsync(stage, lent);
        return new Turn(result.PerSecond, result.At(50), result.At(99));
    }

    /// <summary>Takes everything back. Of a large pool that may take longer than one request is allowed to.</summary>
    public async Task ClearAsync(Stage stage)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(started) < ClearedWithin)
        {
            using var answer = await _client.PostAsync(new Uri("/api/tokens/clear", UriKind.Relative), content: null, stage.Stop);
            if (answer.IsSuccessStatusCode) return;
            if (answer.StatusCode is not HttpStatusCode.ServiceUnavailable)
                throw new WrongAnswerException($"{Name} answered {answer.StatusCode} to a clear.");
        }

        throw new WrongAnswerException($"{Name} has not been cleared within {ClearedWithin}.");
    }

    /// <summary>Lends so many that nothing is free, or nothing but some to spare.</summary>
    /// <param name="stage">Where.</param>
    /// <param name="lent">What is lent already; what is lent now is added.</param>
    /// <param name="spare">How many are to stay free.</param>
    public async Task FillAsync(Stage stage, HashSet<Guid> lent, int spare = 0)
    {
        if (lent.Count < _pool - spare) await ActivateAsync(stage, Many, new Turns(calls: _pool - spare - lent.Count), lent);
    }

    public void Dispose() => _client.Dispose();

    private async Task<LoadResult> ActivateAsync(Stage stage, int count, Turns turns, HashSet<Guid> lent)
    {
        var callers = Activating.Callers(count);
        var result = await Load.RunAsync(_address, callers, turns, stage.Stop);
        Activating.NoneIsLentTwice(callers, lent);
        return result;
    }
}
