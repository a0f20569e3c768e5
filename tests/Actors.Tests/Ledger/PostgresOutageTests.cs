using TokenManager.Actors.Ledger;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Ledger;

/// <summary>What callers see while the server is frozen, stopped or killed. Each test has a server of its own.</summary>
[Collection(LongestFirst.Prefix + "outages")]
public sealed class PostgresOutageTests : IAsyncLifetime
{
    private static readonly TimeSpan AtMost = TimeSpan.FromSeconds(4.5);

    private PrivatePostgres _server = null!;
    private Store _store = null!;
    private IOwnedLedger _ledger = null!;
    private IReadOnlyList<PoolToken> _tokens = [];

    public async Task InitializeAsync()
    {
        _server = await PrivatePostgres.StartAsync(durable: false);
        _store = new Store.Postgres(await _server.CreateDatabaseAsync());
        await LedgerMigrations.ApplyAsync(_store, CancellationToken.None);
        _ledger = Ledgers.Create(_store, TimeProvider.System);
        await _ledger.DeclarePoolAsync(500, "1.0", CancellationToken.None);
        _tokens = (await _ledger.LoadPoolAsync(CancellationToken.None)).Tokens;
    }

    public async Task DisposeAsync()
    {
        await _ledger.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_frozen_server_ends_every_open_in_time_and_the_ledger_works_on_afterwards()
    {
        var warm = await _ledger.OpenAsync(Wish(_tokens[499]));
        await _server.PauseAsync();
        var opens = _tokens.Take(450).Select(Wish).ToList();

        var refusals = await Task.WhenAll(opens.Select(wish => RefusalAsync(() => _ledger.OpenAsync(wish))));
        var later = await RefusalAsync(() => _ledger.OpenAsync(opens[0]));
        await _server.ContinueAsync();

        Assert.IsType<OpenResult.Found>(warm);
        // What was sent on the connections that were open may be executed yet; what waited behind it is not.
        Assert.Contains(refusals, refusal => refusal.OutcomeUnknown);
        Assert.Contains(refusals, refusal => !refusal.OutcomeUnknown);
        Assert.False(later.OutcomeUnknown);
        for (var i = 0; i < opens.Count; i++)
        {
            var found = await _ledger.FindUsageAsync(opens[i].UsageId);
            if (!refusals[i].OutcomeUnknown)
                Assert.Null(found);
            Assert.IsType<OpenResult.Found>(await _ledger.OpenAsync(opens[i]));
        }
    }

    [Fact]
    public async Task A_frozen_server_ends_every_other_call_in_time()
    {
        await _ledger.PingAsync(CancellationToken.None);
        await _server.PauseAsync();

        // The first one is sent on the connection that is open; the others find none.
        await RefusalAsync(() => _ledger.LoadPoolAsync(CancellationToken.None));
        var refusals = await Task.WhenAll(
            RefusalAsync(() => _ledger.LoadPoolAsync(CancellationToken.None)),
            RefusalAsync(() => _ledger.ReadPoolAsync(CancellationToken.None)),
            RefusalAsync(() => _ledger.FindTokenAsync(_tokens[0].TokenId)),
            RefusalAsync(() => _ledger.SweepAsync(1, 0, CancellationToken.None)),
            RefusalAsync(() => _ledger.PingAsync(CancellationToken.None)),
            RefusalAsync(() => _ledger.ReadHistoryAsync(_tokens[0].TokenId, null, 1, CancellationToken.None)),
            RefusalAsync(() => _ledger.ReadTokenAsync(_tokens[0].TokenId, 0)),
            RefusalAsync(() => _ledger.FindUsageAsync(Guid.NewGuid())),
            RefusalAsync(() => LedgerMigrations.ApplyAsync(_store, CancellationToken.None)));

        Assert.All(refusals, refusal => Assert.False(refusal.OutcomeUnknown));
    }

    [Fact]
    public async Task A_stopped_server_is_noticed_at_once_and_nothing_was_executed()
    {
        await _server.StopAsync();
        await using var cold = Ledgers.Create(_store, TimeProvider.System);
        var started = TimeProvider.System.GetTimestamp();

        var open = await RefusalAsync(() => cold.OpenAsync(Wish(_tokens[0])));
        var ping = await RefusalAsync(() => cold.PingAsync(CancellationToken.None));
        var migrations = await RefusalAsync(() => LedgerMigrations.ApplyAsync(_store, CancellationToken.None));

        Assert.True(TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromSeconds(2));
        Assert.False(open.OutcomeUnknown);
        Assert.False(ping.OutcomeUnknown);
        Assert.False(migrations.OutcomeUnknown);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_an_outage_the_ledger_works_on_with_what_was_committed(bool killed)
    {
        var wish = Wish(_tokens[0]);
        var opened = Assert.IsType<OpenResult.Found>(await _ledger.OpenAsync(wish)).Row.Usage;
        await (killed ? _server.KillAsync() : _server.StopAsync());
        await RefusalAsync(() => _ledger.OpenAsync(Wish(_tokens[1])));
        var known = await RefusalAsync(() => _ledger.OpenAsync(Wish(_tokens[2])));
        await _server.StartAgainAsync();

        Assert.False(known.OutcomeUnknown);
        Assert.Equal(opened, Assert.IsType<OpenResult.Found>(await _ledger.OpenAsync(wish)).Row.Usage);
        Assert.IsType<OpenResult.Found>(await _ledger.OpenAsync(Wish(_tokens[3])));
    }

    [Fact]
    public async Task A_call_that_meets_a_restart_learns_its_outcome_from_the_server_that_comes_back()
    {
        await _ledger.OpenAsync(Wish(_tokens[0]));
        await _server.StopAsync();

        // Sent on a connection that is dead, so that its outcome is unknown until somebody answers.
        var opening = _ledger.OpenAsync(Wish(_tokens[1]));
        await _server.StartAgainAsync();

        Assert.IsType<OpenResult.Found>(await opening);
    }

    private static OpenUsage Wish(PoolToken token) =>
        new(Guid.NewGuid(), token.TokenId, Guid.NewGuid(), 1, TimeSpan.FromMinutes(2));

    private static async Task<LedgerUnavailableException> RefusalAsync(Func<Task> call)
    {
        var started = TimeProvider.System.GetTimestamp();
        var refusal = await Assert.ThrowsAsync<LedgerUnavailableException>(call);
        Assert.InRange(TimeProvider.System.GetElapsedTime(started), TimeSpan.Zero, AtMost);
        return refusal;
    }
}
