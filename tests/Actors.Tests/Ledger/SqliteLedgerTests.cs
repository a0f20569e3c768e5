using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;
using TokenManager.Actors.Ledger;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Ledger;

public sealed class SqliteLedgerTests : LedgerTests, IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly SteppingClock _clock = new();
    private int _stores;

    protected override TimeProvider Clock => _clock;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_clock_that_steps_back_ends_no_usage_before_its_start()
    {
        var token = (await DeclareAsync(1))[0];
        var usage = await OpenAsync(Wish(token.TokenId));
        _clock.Step = -TimeSpan.FromHours(1);

        var closed = Assert.IsType<CloseResult.Closed>(await CloseAsync(usage, EndReason.Released)).Usage;

        Assert.Equal(usage.StartedAt, closed.End!.At);
    }

    [Fact]
    public async Task The_clock_of_the_store_is_the_one_that_it_was_given()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2031, 2, 3, 4, 5, 6, 789, 123, TimeSpan.Zero));
        await DeclareAsync(1);
        await using var ledger = Ledgers.Create(Store, clock);
        var token = (await ledger.LoadPoolAsync(CancellationToken.None)).Tokens[0];

        var opened = Assert.IsType<OpenResult.Found>(await ledger.OpenAsync(Wish(token.TokenId))).Row;
        clock.Advance(TimeSpan.FromMinutes(2));
        var closed = await ledger.CloseAsync(
            new CloseUsage(opened.Usage.UsageId, EndReason.Expired, opened.Usage.ExpiresAt));

        Assert.Equal(new DateTimeOffset(2031, 2, 3, 4, 5, 6, 789, 123, TimeSpan.Zero), opened.Usage.StartedAt);
        Assert.Equal(TimeSpan.FromMinutes(2), opened.Remaining);
        Assert.Equal(opened.Usage.ExpiresAt, Assert.IsType<CloseResult.Closed>(closed).Usage.End!.At);
    }

    [Fact]
    public async Task While_another_process_writes_calls_wait_and_then_end_with_nothing_done()
    {
        var wish = Wish((await DeclareAsync(1))[0].TokenId);
        await using var other = (SqliteConnection)CreateConnection();
        await other.OpenAsync();
        await using (other.BeginTransaction(deferred: false))
        {
            var refusal = await Assert.ThrowsAsync<LedgerUnavailableException>(() => Ledger.OpenAsync(wish));
            Assert.False(refusal.OutcomeUnknown);
            // Readers of a file in WAL mode do not wait for its writer.
            Assert.Null(await Ledger.FindUsageAsync(wish.UsageId));
        }

        Assert.IsType<OpenResult.Found>(await Ledger.OpenAsync(wish));
    }

    [Fact]
    public async Task The_file_is_in_wal_mode_for_whoever_opens_it() =>
        Assert.Equal("wal", await QueryAsync("pragma journal_mode"));

    protected override Task<Store> CreateStoreAsync() =>
        Task.FromResult<Store>(new Store.Sqlite(_folder.File($"data/{_stores++}.db")));

    protected override string No => "0";

    protected override string NoBytes => "x''";

    protected override DbConnection CreateConnection() =>
        new SqliteConnection($"Data Source={((Store.Sqlite)Store).Path};Pooling=false;Foreign Keys=true");

    private sealed class SteppingClock : TimeProvider
    {
        internal TimeSpan Step { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Step;
    }
}
