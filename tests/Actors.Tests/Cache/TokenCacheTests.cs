using System.Globalization;
using System.Text;
using TokenManager.Actors.Cache;
using TokenManager.Actors.Ledger;
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
        cache.Apply(Bucket(0, 0, 1));
        Assert.Equal("0:2+", Text(cache.Details(Make.Token(0))));
        cache.Apply(Make.Token(0), 2, current: null);
        cache.Apply(Make.Token(0), 2, Make.Open(0, 2, 2));
        Assert.Equal("0:2", Text(cache.Details(Make.Token(0))));
    }

    [Fact]
    public void A_token_never_heard_of_is_left_to_the_next_pull()
    {
        var cache = Filled(1);
        Assert.True(cache.Apply(Make.Token(0), 1, current: null));
        Assert.False(cache.Apply(Make.Token(7), 1, current: null));
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
    public void Tokens_beyond_the_pools_size_disappear_as_soon_as_nobody_holds_them()
    {
        var cache = Filled(600);
        cache.Apply(Make.Token(599), 1, Make.Open(599, 1, 1));
        cache.Resize(266, Later(1));
        Assert.Null(cache.Details(Make.Token(266)));
        Assert.Equal("599:1+", Text(cache.Details(Make.Token(599))));
        Assert.EndsWith("]1/267", Text(cache, TokenFilter.All), StringComparison.Ordinal);
        Assert.Equal(3, cache.Digest().Length);

        cache.Apply(Make.Token(599), 1, current: null);
        cache.Proven(Later(2));
        Assert.Null(cache.Details(Make.Token(599)));
        Assert.NotNull(cache.Details(Make.Token(0)));
        Assert.Equal(2, cache.Digest().Length);
    }

    [Fact]
    public void A_pool_that_has_not_heard_of_its_new_size_removes_nothing()
    {
        var cache = Filled(300);
        cache.Resize(100, Make.Start.AddTicks(-1));
        cache.Apply(Bucket(0, 0, 100));
        cache.Apply(Bucket(1, 0, 0));
        cache.Proven(Later(2));
        Assert.NotNull(cache.Details(Make.Token(100)));
        Assert.EndsWith("]0/300", Text(cache, TokenFilter.All), StringComparison.Ordinal);
    }

    [Fact]
    public void A_pool_that_has_not_heard_of_its_new_size_brings_nothing_back()
    {
        var cache = Filled(2);
        cache.Resize(1, Later(1));
        cache.Resize(2, Make.Start);
        cache.Apply(Bucket(0, 0, 2));
        cache.Proven(Later(2));
        Assert.Null(cache.Details(Make.Token(1)));
    }

    [Fact]
    public void A_token_that_comes_back_to_the_pool_is_no_older_than_it_was()
    {
        var cache = Filled(2);
        cache.Apply(Make.Token(1), 3, current: null);
        cache.Resize(1, Later(1));
        Assert.Null(cache.Details(Make.Token(1)));
        cache.Resize(2, Later(2));
        cache.Apply(Bucket(0, 0, 2));
        Assert.Equal("1:3", Text(cache.Details(Make.Token(1))));
        Assert.Equal(Mixed((0, 1), (1, 7)), cache.Digest());
    }

    [Fact]
    public void Tokens_of_a_pool_that_has_grown_show_together()
    {
        var cache = Filled(1);
        cache.Resize(600, Later(1));
        cache.Apply(Bucket(0, 0, 256));
        Assert.Null(cache.Details(Make.Token(1)));
        Assert.False(cache.Apply(Make.Token(1), 1, Make.Open(1, 1, 1)));
        cache.Apply(Bucket(1, 256, 256));
        cache.Apply(Bucket(2, 512, 88));
        cache.Proven(Later(2));
        Assert.Equal("1:1+", Text(cache.Details(Make.Token(1))));
        Assert.EndsWith("]1/600", Text(cache, TokenFilter.All), StringComparison.Ordinal);
    }

    [Fact]
    public void A_bucket_says_of_which_tokens_the_pool_knows_less()
    {
        var cache = Filled(3);
        cache.Apply(Make.Token(1), 4, current: null);
        Assert.Equal([Make.Token(1)], cache.Apply(Bucket(0, 0, 3)));
    }

    [Fact]
    public void What_is_proven_never_goes_back()
    {
        var cache = new TokenCache(_renderer);
        Assert.False(cache.IsPrimed);
        Assert.Null(cache.AsOf);
        cache.Proven(Later(2));
        Assert.True(cache.IsPrimed);
        var asOf = cache.AsOf;
        cache.Proven(Later(1));
        Assert.Same(asOf, cache.AsOf);
        cache.Proven(Later(2));
        Assert.Same(asOf, cache.AsOf);
        cache.Proven(Later(3));
        Assert.Equal(_renderer.AsOf(Later(3)), cache.AsOf);
    }

    [Fact]
    public void What_a_statement_saw_is_listed_in_the_bytes_that_the_cache_shows_for_the_same()
    {
        var cache = Filled(3);
        cache.Apply(Make.Token(1), 1, Make.Open(1, 1, 1));
        var image = new PoolImage(3, [Known(0), Known(1, Make.Open(1, 1, 1)), Known(2)]);
        foreach (var filter in Enum.GetValues<TokenFilter>())
        {
            var list = cache.ListOf(image, filter);
            Assert.Equal(Text(cache, filter), Encoding.UTF8.GetString(list.Body.Span));
            Assert.Equal(cache.List(filter).ETag, list.ETag);
        }

        Assert.Equal("1:1+", Text(cache.DetailsOf(image.Tokens[1])));
    }

    [Fact]
    public void What_a_statement_saw_is_listed_as_it_was_then_even_if_the_cache_has_moved_on()
    {
        var cache = Filled(1);
        cache.Apply(Make.Token(0), 5, current: null);
        var list = cache.ListOf(new PoolImage(1, [Known(0, Make.Open(0, 4, 4))]), TokenFilter.All);
        Assert.Equal("[0:4+]1/1", Encoding.UTF8.GetString(list.Body.Span));
    }

    [Fact]
    public void What_a_statement_saw_shows_from_the_cache_unless_more_is_known()
    {
        var cache = Filled(2);
        cache.Apply(Make.Token(1), 9, current: null);
        cache.Apply([Known(0, Make.Open(0, 1, 1)), Known(1, Make.Open(1, 8, 8)), Known(7)]);
        Assert.Equal("[0:1+,1:9]1/2", Text(cache, TokenFilter.All));
    }

    [Fact]
    public void The_digest_follows_every_change()
    {
        var cache = Filled(600);
        var versions = Enumerable.Repeat(1L, 600).ToArray();
        var random = new Random(1);
        for (var i = 0; i < 1000; i++)
        {
            var (token, fence, active) = (random.Next(600), random.Next(1, 20), random.Next(2) == 0);
            cache.Apply(Make.Token(token), fence, active ? Make.Open(token, fence, fence) : null);
            versions[token] = Math.Max(versions[token], TokenView.VersionOf(fence, active));
        }

        Assert.Equal(Mixed([.. versions.Select((version, ordinal) => (ordinal, version))]), cache.Digest());
    }

    [Fact]
    public void The_digest_is_the_pools()
    {
        var pool = new PoolDecider(new PoolSettings { Size = 300 });
        pool.Load(new LedgerModel().Load([.. Enumerable.Range(0, 300).Select(Make.Token)], 300), TimeSpan.Zero);
        var cache = new TokenCache(_renderer);
        Assert.Empty(cache.Digest());
        cache.Resize(300, Make.Start);
        cache.Apply(pool.Bucket(0));
        cache.Apply(pool.Bucket(1));
        cache.Proven(Make.Start);
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
                _ = cache.AsOf;
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

    [Fact]
    public async Task A_list_never_shows_less_than_details_that_were_read_before_it()
    {
        const int Fences = 50_000;
        var cache = Filled(1);
        var token = Make.Token(0);
        var writer = Task.Run(() =>
        {
            for (var fence = 1; fence <= Fences; fence++)
                cache.Apply(token, fence, current: null);
        });
        while (!writer.IsCompleted)
        {
            var details = Text(cache.Details(token));
            var list = Text(cache, TokenFilter.All);
            Assert.True(Fence(details) <= Fence(list[1..list.IndexOf(']', StringComparison.Ordinal)]), $"{details} before {list}");
        }

        await writer;

        static long Fence(string item) => long.Parse(item.Split(':')[1], CultureInfo.InvariantCulture);
    }

    private TokenCache Filled(int tokens)
    {
        var cache = new TokenCache(_renderer);
        cache.Resize(tokens, Make.Start);
        for (var first = 0; first < tokens; first += TokenDigest.BucketSize)
            cache.Apply(Bucket(TokenDigest.BucketOf(first), first, Math.Min(TokenDigest.BucketSize, tokens - first)));
        cache.Proven(Make.Start);
        return cache;
    }

    private static DateTimeOffset Later(int seconds) => Make.Start.AddSeconds(seconds);

    private static PoolToken Known(int token, Usage? open = null) =>
        new(Make.Token(token), token, open?.Fence ?? 0, open is null ? null : Make.Row(open));

    private static ulong[] Mixed(params (int Ordinal, long Version)[] tokens)
    {
        var digest = new ulong[TokenDigest.BucketOf(tokens.Max(token => token.Ordinal)) + 1];
        foreach (var (ordinal, version) in tokens)
            digest[TokenDigest.BucketOf(ordinal)] += TokenDigest.Mix(ordinal, version);
        return digest;
    }

    private static PoolBucket Bucket(int bucket, int first, int count) =>
        new(bucket, [.. Enumerable.Range(first, count).Select(n => new TokenView(Make.Token(n), n, 0, Current: null))]);

    private static string Text(TokenCache cache, TokenFilter filter) => Encoding.UTF8.GetString(cache.List(filter).Body.Span);

    private static string Text(byte[]? bytes) => Encoding.UTF8.GetString(bytes!);
}
