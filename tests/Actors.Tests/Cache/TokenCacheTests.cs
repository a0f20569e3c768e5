using System.Globalization;
using System.Text;
using TokenManager.Actors.Cache;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;

namespace TokenManager.Actors.Tests.Cache;

public sealed class TokenCacheTests
{
    private readonly TextRenderer _renderer = new();

    [Fact]
    public void A_change_shows_in_details_and_lists()
    {
        var cache = Filled(2);
        cache.Apply(Make.Token(1), 1, Make.Open(1, 1, 1));
        Assert.Equal("1:1+", Text(cache.Details(Make.Token(1))));
        Assert.Equal("[0:0,1:1+]1/2", Text(cache, TokenFilter.All));
        Assert.Equal("[1:1+]1/2", Text(cache, TokenFilter.Active));
        Assert.Equal("[0:0]1/2", Text(cache, TokenFilter.Available));
    }

    [Fact]
    public void An_older_version_is_dropped_in_whatever_order_changes_come()
    {
        var cache = Filled(1);
        cache.Apply(Make.Token(0), 2, Make.Open(0, 2, 2));
        cache.Apply(Make.Token(0), 1, current: null);
        cache.Apply(Make.Token(0), 1, Make.Open(0, 1, 1));
        cache.Apply([Bucket(0, 0, 1)], 1);
        Assert.Equal("0:2+", Text(cache.Details(Make.Token(0))));
        cache.Apply(Make.Token(0), 2, current: null);
        cache.Apply(Make.Token(0), 2, Make.Open(0, 2, 2));
        Assert.Equal("0:2", Text(cache.Details(Make.Token(0))));
    }

    [Fact]
    public void A_token_never_heard_of_is_left_to_the_next_pull()
    {
        var cache = Filled(1);
        cache.Apply(Make.Token(7), 1, current: null);
        Assert.Null(cache.Details(Make.Token(7)));
    }

    [Fact]
    public void A_list_is_put_together_once_for_each_burst_of_changes()
    {
        var cache = Filled(3);
        _ = cache.List(TokenFilter.All);
        var before = _renderer.Lists;
        for (var token = 0; token < 3; token++)
            cache.Apply(Make.Token(token), 1, Make.Open(token, 1, token));
        var list = cache.List(TokenFilter.All);
        Assert.Same(list, cache.List(TokenFilter.All));
        Assert.Equal(before + 1, _renderer.Lists);
    }

    [Fact]
    public void The_same_content_has_the_same_etag_on_every_node()
    {
        var one = Filled(3);
        var other = Filled(3);
        one.Apply(Make.Token(1), 1, Make.Open(1, 1, 1));
        Assert.NotEqual(one.List(TokenFilter.All).ETag, other.List(TokenFilter.All).ETag);
        other.Apply(Make.Token(2), 1, Make.Open(2, 1, 2));
        other.Apply(Make.Token(2), 2, current: null);
        other.Apply(Make.Token(1), 1, Make.Open(1, 1, 1));
        one.Apply(Make.Token(2), 2, current: null);
        foreach (var filter in Enum.GetValues<TokenFilter>())
            Assert.Equal(one.List(filter).ETag, other.List(filter).ETag);
        Assert.Matches("^\"[0-9a-f]{32}\"$", one.List(TokenFilter.All).ETag);
    }

    [Fact]
    public void Tokens_that_are_no_longer_in_their_bucket_disappear()
    {
        var cache = Filled(600);
        Assert.Equal(3, cache.Digest().Length);
        cache.Apply([Bucket(1, 256, 10)], 2);
        Assert.Null(cache.Details(Make.Token(266)));
        Assert.Null(cache.Details(Make.Token(599)));
        Assert.NotNull(cache.Details(Make.Token(0)));
        Assert.EndsWith("]0/266", Text(cache, TokenFilter.All), StringComparison.Ordinal);
    }

    [Fact]
    public void The_digest_is_the_pools()
    {
        var pool = new PoolDecider(new PoolSettings { Size = 300 });
        pool.Load(new LedgerModel().Load([.. Enumerable.Range(0, 300).Select(Make.Token)], 300), TimeSpan.Zero);
        var cache = new TokenCache(_renderer);
        Assert.Empty(cache.Digest());
        cache.Apply([pool.Bucket(0), pool.Bucket(1)], 2);
        Assert.Equal(pool.Digest(1).Buckets, cache.Digest());
    }

    [Fact]
    public void Reading_details_or_an_unchanged_list_allocates_nothing()
    {
        var cache = Filled(100);
        var token = Make.Token(5);
        long Measure()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 100; i++)
            {
                _ = cache.Details(token);
                _ = cache.List(TokenFilter.All);
                _ = cache.List(TokenFilter.Active);
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Measure();
        Assert.Equal(0, Measure());
    }

    [Fact]
    public async Task Readers_never_see_a_token_go_back_or_a_list_that_is_torn()
    {
        const int Tokens = 20;
        const int Fences = 2000;
        var cache = Filled(Tokens);
        using var done = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            var seen = new long[Tokens];
            while (!done.IsCancellationRequested)
            {
                var text = Text(cache, TokenFilter.All);
                var (items, counts) = (text[1..text.IndexOf(']', StringComparison.Ordinal)].Split(','), text[(text.IndexOf(']', StringComparison.Ordinal) + 1)..]);
                Assert.Equal($"{items.Count(item => item.EndsWith('+'))}/{Tokens}", counts);
                for (var n = 0; n < Tokens; n++)
                {
                    var fence = long.Parse(items[n].Split(':')[1].TrimEnd('+'), CultureInfo.InvariantCulture);
                    var version = TokenView.VersionOf(fence, items[n].EndsWith('+'));
                    Assert.True(version >= seen[n]);
                    seen[n] = version;
                }
            }
        })).ToArray();
        var writers = Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            for (var fence = 1; fence <= Fences; fence++)
            {
                var token = fence % Tokens;
                cache.Apply(Make.Token(token), fence, Make.Open(token, fence, fence));
                cache.Apply(Make.Token(token), fence, current: null);
            }
        })).ToArray();
        await Task.WhenAll(writers);
        await done.CancelAsync();
        await Task.WhenAll(readers);
        Assert.EndsWith($"]0/{Tokens}", Text(cache, TokenFilter.All), StringComparison.Ordinal);
    }

    private TokenCache Filled(int tokens)
    {
        var cache = new TokenCache(_renderer);
        var buckets = Enumerable.Range(0, TokenDigest.BucketOf(tokens - 1) + 1)
            .Select(n => Bucket(n, n * TokenDigest.BucketSize, Math.Min(TokenDigest.BucketSize, tokens - (n * TokenDigest.BucketSize))))
            .ToArray();
        cache.Apply(buckets, buckets.Length);
        cache.SetPrimed();
        return cache;
    }

    private static PoolBucket Bucket(int bucket, int first, int count) =>
        new(bucket, [.. Enumerable.Range(first, count).Select(n => new TokenView(Make.Token(n), n, 0, Current: null))]);

    private static string Text(TokenCache cache, TokenFilter filter) => Encoding.UTF8.GetString(cache.List(filter).Body.Span);

    private static string Text(byte[]? bytes) => Encoding.UTF8.GetString(bytes!);
}
