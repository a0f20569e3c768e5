using System.Data.Common;
using Akka.Actor;
using Microsoft.Data.Sqlite;
using Npgsql;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Tokens;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Failpoints;

/// <summary>Whatever step a token dies after, the next incarnation finds out what became of it and goes on from there.</summary>
public abstract class FailpointSpecs
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);

    public static TheoryData<Boundary, Fate> Activations => new()
    {
        { Boundary.RowOpened, Fate.SystemEnds },
        { Boundary.RowOpened, Fate.StepReportsFailure },
        { Boundary.ActivationJournaled, Fate.SystemEnds },
        { Boundary.ActivationJournaled, Fate.StepReportsFailure },
        { Boundary.ActivationAnswered, Fate.SystemEnds },
    };

    public static TheoryData<Boundary, Fate> Releases => new()
    {
        { Boundary.RowClosed, Fate.SystemEnds },
        { Boundary.RowClosed, Fate.StepReportsFailure },
        { Boundary.ReleaseJournaled, Fate.SystemEnds },
        { Boundary.ReleaseJournaled, Fate.StepReportsFailure },
    };

    private protected abstract Task<Store> CreateStoreAsync();

    private protected abstract DbConnection Connect(Store store);

    [Theory]
    [MemberData(nameof(Activations))]
    public async Task An_activation_that_died_after_a_step_is_one_whole_grant_for_whoever_asks_again(Boundary step, Fate fate)
    {
        var store = await CreateStoreAsync();
        var lease = TimeSpan.FromMinutes(2);
        var failpoint = new Failpoint(step, fate);
        var (user, usage) = (Guid.NewGuid(), Guid.NewGuid());
        await using var first = await InProcessNode.StartAsync(store, lease, failpoint);
        var answer = first.Gateway.ActivateAsync(user, usage, CancellationToken.None);
        if (step is not Boundary.ActivationAnswered) await failpoint.Struck.WaitAsync(Soon);

        // Without an end of the system, the very same request gets its grant.
        if (fate is Fate.StepReportsFailure || step is Boundary.ActivationAnswered)
            Assert.Equal(usage, Assert.IsType<ActivateResult.Granted>(await answer).Usage.UsageId);
        if (fate is Fate.SystemEnds)
        {
            await first.EndAbruptlyAsync();
            await using var second = await InProcessNode.StartAsync(store, lease);
            await IsWholeAsync(second, store, user, usage);
        }
        else
        {
            await IsWholeAsync(first, store, user, usage);
        }
    }

    [Theory]
    [MemberData(nameof(Releases))]
    public async Task A_release_that_died_after_a_step_has_happened_once_for_whoever_asks_again(Boundary step, Fate fate)
    {
        var store = await CreateStoreAsync();
        var lease = TimeSpan.FromMinutes(2);
        var failpoint = new Failpoint(step, fate);
        await using var first = await InProcessNode.StartAsync(store, lease, failpoint);
        var grant = Assert.IsType<ActivateResult.Granted>(
            await first.Gateway.ActivateAsync(Guid.NewGuid(), Guid.NewGuid(), CancellationToken.None)).Usage;
        var answer = first.Gateway.ReleaseAsync(grant.TokenId, grant.UsageId, CancellationToken.None);
        await failpoint.Struck.WaitAsync(Soon);

        if (fate is Fate.SystemEnds)
        {
            await first.EndAbruptlyAsync();
            await using var second = await InProcessNode.StartAsync(store, lease);
            await EndedOnceAsync(second, store, grant, EndReason.Released);
        }
        else
        {
            Assert.IsType<ReleaseResult.Released>(await answer);
            await EndedOnceAsync(first, store, grant, EndReason.Released);
        }
    }

    // The ledger says that the token is free, so nobody is waiting for its end, and nobody may ever ask for it again.
    [Theory]
    [InlineData(Fate.SystemEnds)]
    [InlineData(Fate.StepReportsFailure)]
    public async Task An_end_that_died_before_it_was_journaled_is_journaled_although_nobody_asks(Fate fate)
    {
        var store = await CreateStoreAsync();
        var failpoint = new Failpoint(Boundary.RowClosed, fate);
        await using var first = await InProcessNode.StartAsync(store, TimeSpan.FromSeconds(1), failpoint);
        var grant = Assert.IsType<ActivateResult.Granted>(
            await first.Gateway.ActivateAsync(Guid.NewGuid(), Guid.NewGuid(), CancellationToken.None)).Usage;
        await failpoint.Struck.WaitAsync(Soon);

        if (fate is Fate.SystemEnds)
        {
            await first.EndAbruptlyAsync();
            await using var second = await InProcessNode.StartAsync(store, TimeSpan.FromSeconds(1));
            await IsJournaledAsync(store, grant.TokenId);
        }
        else
        {
            await IsJournaledAsync(store, grant.TokenId);
        }
    }

    [Theory]
    [MemberData(nameof(Releases))]
    public async Task A_lease_whose_end_died_after_a_step_ends_once(Boundary step, Fate fate)
    {
        var store = await CreateStoreAsync();
        var lease = TimeSpan.FromSeconds(1);
        var failpoint = new Failpoint(step, fate);
        await using var first = await InProcessNode.StartAsync(store, lease, failpoint);
        var grant = Assert.IsType<ActivateResult.Granted>(
            await first.Gateway.ActivateAsync(Guid.NewGuid(), Guid.NewGuid(), CancellationToken.None)).Usage;
        await failpoint.Struck.WaitAsync(Soon);

        if (fate is Fate.SystemEnds)
        {
            await first.EndAbruptlyAsync();
            await using var second = await InProcessNode.StartAsync(store, lease);
            await EndedOnceAsync(second, store, grant, EndReason.Expired);
        }
        else
        {
            await EndedOnceAsync(first, store, grant, EndReason.Expired);
        }
    }

    // Asks of the pool, which waits a second before it asks again, and all the longer before it believes a refusal.
    [Fact]
    public async Task What_waits_for_a_token_that_ends_is_done_by_its_next_incarnation()
    {
        var store = await CreateStoreAsync();
        var lease = TimeSpan.FromMinutes(2);
        await using var node = await InProcessNode.StartAsync(
            store, lease, new Failpoint(Boundary.ReleaseJournaled, Fate.StepReportsFailure));
        var grant = Assert.IsType<ActivateResult.Granted>(
            await node.Gateway.ActivateAsync(Guid.NewGuid(), Guid.NewGuid(), CancellationToken.None)).Usage;
        var next = new TokenCommand.Activate(grant.TokenId, Guid.NewGuid(), Guid.NewGuid(), lease);

        var ends = node.Tokens.Ask<TokenAnswer>(
            new TokenCommand.Release(grant.TokenId, grant.UsageId, EndReason.Released), Soon);
        var waits = node.Tokens.Ask<TokenAnswer>(next, Soon);

        Assert.IsType<TokenAnswer.Ended>(await ends);
        var usage = Assert.IsType<TokenAnswer.Activated>(await waits).Row.Usage;
        Assert.Equal((next.UsageId, 2L), (usage.UsageId, usage.Fence));
    }

    private async Task IsWholeAsync(InProcessNode node, Store store, Guid user, Guid usageId)
    {
        var again = Assert.IsType<ActivateResult.Granted>(
            await node.Gateway.ActivateAsync(user, usageId, CancellationToken.None)).Usage;
        Assert.Equal((usageId, user, 1L), (again.UsageId, again.UserId, again.Fence));
        Assert.IsType<ActivateResult.UserAlreadyActive>(
            await node.Gateway.ActivateAsync(user, Guid.NewGuid(), CancellationToken.None));
        Assert.Equal([again], await HistoryAsync(node, again.TokenId));

        // The release wakes the token, which journals what was missing.
        var released = Assert.IsType<ReleaseResult.Released>(
            await node.Gateway.ReleaseAsync(again.TokenId, usageId, CancellationToken.None));
        Assert.Equal(
            [again with { End = new UsageEnd(released.ReleasedAt, EndReason.Released) }],
            await HistoryAsync(node, again.TokenId));
        await IsJournaledAsync(store, again.TokenId);
    }

    private async Task EndedOnceAsync(InProcessNode node, Store store, Usage grant, EndReason reason)
    {
        var released = await node.Gateway.ReleaseAsync(grant.TokenId, grant.UsageId, CancellationToken.None);
        var end = released switch
        {
            ReleaseResult.Released(_, _, var at) => new UsageEnd(at, EndReason.Released),
            ReleaseResult.AlreadyEnded(var earlier) => earlier,
            _ => throw new Xunit.Sdk.XunitException($"{released}"),
        };
        Assert.Equal(reason, end.Reason);
        Assert.Equal([grant with { End = end }], await HistoryAsync(node, grant.TokenId));
        await IsJournaledAsync(store, grant.TokenId);

        // The token can be lent again, and so can the user.
        var users = Enumerable.Range(0, 2).Select(_ => Guid.NewGuid()).Append(grant.UserId);
        var next = await Task.WhenAll(
            users.Select(user => node.Gateway.ActivateAsync(user, Guid.NewGuid(), CancellationToken.None)));
        var usages = next.Select(result => Assert.IsType<ActivateResult.Granted>(result).Usage).ToList();
        Assert.Equal(2, Assert.Single(usages, usage => usage.TokenId == grant.TokenId).Fence);
    }

    // What is answered is journaled a moment later, whatever happens in it.
    private Task IsJournaledAsync(Store store, Guid token) => Eventually.Async(
        async () =>
        {
            Assert.Equal(["token-activated/v1", "token-released/v1"], await ReadJournalAsync(store, token));
            return true;
        },
        Soon);

    private static async Task<IReadOnlyList<Usage>> HistoryAsync(InProcessNode node, Guid token) =>
        Assert.IsType<HistoryResult.Page>(
            await node.Gateway.ReadHistoryAsync(token, null, 100, CancellationToken.None)).Usages;

    private async Task<List<string>> ReadJournalAsync(Store store, Guid token)
    {
        await using var connection = Connect(store);
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = $"select manifest from journal where persistence_id = 'token-{token}' order by sequence_number";
        await using var reader = await command.ExecuteReaderAsync();
        var manifests = new List<string>();
        while (await reader.ReadAsync()) manifests.Add(reader.GetString(0));
        return manifests;
    }
}

[Collection(LongestFirst.Prefix + "failpoints on PostgreSQL")]
public sealed class PostgresFailpointSpecs : FailpointSpecs
{
    private protected override async Task<Store> CreateStoreAsync() =>
        new Store.Postgres(await (await PrivatePostgres.SharedAsync()).CreateDatabaseAsync());

    private protected override DbConnection Connect(Store store) =>
        new NpgsqlConnection(((Store.Postgres)store).ConnectionString + ";Pooling=false");
}

[Collection(LongestFirst.Prefix + "failpoints on SQLite")]
public sealed class SqliteFailpointSpecs : FailpointSpecs, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private protected override Task<Store> CreateStoreAsync() =>
        Task.FromResult<Store>(new Store.Sqlite(_folder.File("tokenmanager.db")));

    private protected override DbConnection Connect(Store store) =>
        new SqliteConnection($"Data Source={((Store.Sqlite)store).Path};Pooling=false");
}
