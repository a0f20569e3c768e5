using System.Diagnostics;
using System.Globalization;
using System.Text;
using TokenManager.Actors.Cache;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Tests.Failpoints;
using TokenManager.Testing;
using Xunit.Abstractions;

namespace TokenManager.Actors.Tests.Cache;

/// <summary>Three nodes, as the product puts them together, on one PostgreSQL, and a network that loses messages.</summary>
[Collection(LongestFirst.Prefix + "many nodes")]
public sealed class ManyNodesSpecs(ITestOutputHelper output)
{
    private const int Tokens = 300;
    private const int Rounds = 10;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    [Theory]
    [InlineData(0.3, 0.0, 3)]
    [InlineData(0.3, 0.3, 8)]
    public async Task Every_node_is_current_soon_although_messages_are_lost_and_none_goes_back(
        double topicLoss, double poolLoss, int seconds)
    {
        var store = new Store.Postgres(await (await PrivatePostgres.SharedAsync()).CreateDatabaseAsync());
        var config = LossyMailbox.ForTheCache(topicLoss, poolLoss) + "\nakka.loglevel = OFF\nakka.stdout-loglevel = OFF";
        await using var first = await StartAsync(store, config);
        await using var second = await StartAsync(store, config);
        await using var third = await StartAsync(store, config);
        InProcessNode[] nodes = [first, second, third];
        using var done = new CancellationTokenSource();
        var watches = nodes.Select(node => Task.Run(() => Watch(node.Cache, done.Token))).ToList();
        var (lostBefore, random, times, held) = (LossyMailbox.Lost, new Random(1), new List<double>(), new List<Usage>());

        for (var round = 0; round < Rounds; round++)
        {
            for (var i = 0; i < 5; i++)
            {
                var node = nodes[random.Next(nodes.Length)];
                if (held.Count > 0 && random.Next(3) == 0)
                {
                    var usage = held[random.Next(held.Count)];
                    held.Remove(usage);
                    await ReleaseAsync(node, usage);
                }
                else
                {
                    held.Add(await ActivateAsync(node));
                }
            }

            times.Add(await AgreeAsync(nodes, held, TimeSpan.FromSeconds(seconds)));
        }

        var cleared = await third.Gateway.ClearAsync(CancellationToken.None);
        Assert.Equal(new ClearResult.Cleared(held.Count), cleared);
        Assert.Empty(Active(third.Cache));
        await AgreeAsync(nodes, [], TimeSpan.FromSeconds(seconds));

        await done.CancelAsync();
        await Task.WhenAll(watches);
        times.Sort();
        output.WriteLine(
            $"{LossyMailbox.Lost - lostBefore} messages lost; all nodes agree after {times[times.Count / 2]:0} ms (median), "
            + $"{times[^1]:0} ms (worst)");
        Assert.True(LossyMailbox.Lost > lostBefore);
    }

    private static async Task<InProcessNode> StartAsync(Store store, string config)
    {
        var node = await InProcessNode.StartAsync(
            store, TimeSpan.FromHours(1), size: Tokens, discovery: ClusterDiscovery.Database, config: config);
        await Eventually.Async(() => node.Cache.IsPrimed, TimeSpan.FromSeconds(20));
        return node;
    }

    /// <summary>Lends a token; the node that answers shows it at once.</summary>
    private static async Task<Usage> ActivateAsync(InProcessNode node)
    {
        var result = await node.Gateway.ActivateAsync(Guid.NewGuid(), usageId: null, CancellationToken.None);
        var usage = Assert.IsType<ActivateResult.Granted>(result).Usage;
        Assert.EndsWith(
            $":{usage.Fence}+", Encoding.UTF8.GetString(node.Cache.Details(usage.TokenId)!), StringComparison.Ordinal);
        return usage;
    }

    private static async Task ReleaseAsync(InProcessNode node, Usage usage)
    {
        Assert.IsType<ReleaseResult.Released>(
            await node.Gateway.ReleaseAsync(usage.TokenId, usage.UsageId, CancellationToken.None));
        Assert.EndsWith(
            $":{usage.Fence}", Encoding.UTF8.GetString(node.Cache.Details(usage.TokenId)!), StringComparison.Ordinal);
    }

    /// <returns>Milliseconds until every node showed exactly what is held.</returns>
    private static async Task<double> AgreeAsync(InProcessNode[] nodes, List<Usage> held, TimeSpan within)
    {
        var started = Stopwatch.GetTimestamp();
        var shown = held.Select(usage => usage.TokenId).ToHashSet();
        await Eventually.Async(
            () => nodes.All(node =>
                Active(node.Cache).Count == held.Count
                && shown.All(token => Encoding.UTF8.GetString(node.Cache.Details(token)!).EndsWith('+'))),
            within,
            () => string.Join(", ", nodes.Select(node => Active(node.Cache).Count)) + $" of {held.Count}");
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    private static List<string> Active(ITokenCache cache) => Items(cache, TokenFilter.Active);

    private static List<string> Items(ITokenCache cache, TokenFilter filter) => Items(cache.List(filter).Body);

    private static List<string> Items(ReadOnlyMemory<byte> body)
    {
        var text = Encoding.UTF8.GetString(body.Span);
        return [.. text[1..text.IndexOf(']', StringComparison.Ordinal)].Split(',', StringSplitOptions.RemoveEmptyEntries)];
    }

    /// <summary>Reads again and again: no token's version and no time of proof ever goes back.</summary>
    private static async Task Watch(ITokenCache cache, CancellationToken done)
    {
        var seen = new long[Tokens];
        var proven = "";
        ReadOnlyMemory<byte> looked = default;
        while (!done.IsCancellationRequested)
        {
            var asOf = cache.AsOf!;
            Assert.True(string.CompareOrdinal(proven, asOf) <= 0, $"{proven} before {asOf}");
            proven = asOf;
            var body = cache.List(TokenFilter.All).Body;
            if (!body.Equals(looked)) NeverGoesBack(Items(body), seen);
            looked = body;
            await Task.Delay(Pause, CancellationToken.None);
        }
    }

    private static void NeverGoesBack(List<string> items, long[] seen)
    {
        Assert.Equal(Tokens, items.Count);
        foreach (var item in items)
        {
            var (ordinal, fence) = (item.Split(':')[0], item.Split(':')[1]);
            var version = TokenView.VersionOf(
                long.Parse(fence.TrimEnd('+'), CultureInfo.InvariantCulture), fence.EndsWith('+'));
            ref var known = ref seen[int.Parse(ordinal, CultureInfo.InvariantCulture)];
            Assert.True(version >= known, $"{item} after version {known}");
            known = version;
        }
    }
}
