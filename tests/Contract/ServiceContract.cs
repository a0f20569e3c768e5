using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace TokenManager.Contract;

/// <summary>
/// The HTTP contract, seen from outside: every example and every error that can be caused from there. It needs a
/// running service with a pool of 100 tokens and a lease of two minutes, which nobody else uses meanwhile. The
/// service may be shared by tests that run one after another: each begins by clearing the pool and needs no order.
/// </summary>
/// <remarks>
/// Reads may be a moment behind, so what is read after a change is waited for. What only a clock or a failure can
/// cause (expiry, eviction, 500 and 503) is not checked here.
/// </remarks>
public abstract partial class ServiceContract : IAsyncLifetime
{
    private const int PoolSize = 100;
    private const int BodyLimit = 16 * 1024;
    private const string NilId = "00000000-0000-0000-0000-000000000000";

    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private static readonly HttpClient Client = new(new SocketsHttpHandler { AllowAutoRedirect = false });

    private Uri _service = null!;

    public static TheoryData<string?, string> BadUserIds => new()
    {
        { null, "is missing" },
        { "null", "must be a string" },
        { "17", "must be a string" },
        { "true", "must be a string" },
        { "[]", "must be a string" },
        { "{}", "must be a string" },
        { "\"\"", "must be a UUID" },
        { "\"someone\"", "must be a UUID" },
        { "\"2f1f6c5e8d0b4c399a510e6b8f7d3a42\"", "must be a UUID" },
        { "\"{2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42}\"", "must be a UUID" },
        { "\" 2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42\"", "must be a UUID" },
        { "\"2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a4g\"", "must be a UUID" },
        { $"\"{NilId}\"", "must not be the nil UUID" },
    };

    public static TheoryData<string> BadTokenIds =>
    [
        "x", "17", "active", "2f1f6c5e8d0b4c399a510e6b8f7d3a42", "{2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42}",
        "2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42%20", "%zz", "%", "%2", "%ff", "%2F", "%c0%80", "%E2%82%AC",
    ];

    public static TheoryData<string, string, string> WrongMethods
    {
        get
        {
            var token = $"/api/tokens/{Guid.NewGuid()}";
            var data = new TheoryData<string, string, string>();
            foreach (var method in new[] { "POST", "PUT", "PATCH", "DELETE" })
            {
                data.Add(method, "/api/tokens", "GET, HEAD");
                data.Add(method, token, "GET, HEAD");
                data.Add(method, $"{token}/history", "GET, HEAD");
            }

            foreach (var method in new[] { "GET", "HEAD", "PUT", "PATCH", "DELETE" })
            {
                data.Add(method, "/api/tokens/activate", "POST");
                data.Add(method, "/api/tokens/clear", "POST");
                data.Add(method, $"{token}/release", "POST");
            }

            return data;
        }
    }

    /// <summary>Gives the base address of the running service, starting it if need be.</summary>
    protected abstract Task<Uri> GetServiceAsync();

    public async Task InitializeAsync()
    {
        _service = await GetServiceAsync();
        await ClearAsync();
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task An_activation_lends_a_token_for_the_lease()
    {
        var user = Guid.NewGuid();

        using var answer = await PostAsync(
            "/api/tokens/activate", $$"""{"user_id":"{{user.ToString().ToUpperInvariant()}}"}""");

        var data = await DataAsync(answer);
        AssertMembers(data, "token_id", "user_id", "activated_at", "expires_at", "usage_id", "fence");
        AssertUuid(data.GetProperty("token_id"));
        AssertUuid(data.GetProperty("usage_id"));
        Assert.Equal(user.ToString(), data.GetProperty("user_id").GetString());
        Assert.Equal(Lease, Time(data.GetProperty("expires_at")) - Time(data.GetProperty("activated_at")));
        Assert.True(data.GetProperty("fence").GetInt64() >= 1);
    }

    [Fact]
    public async Task The_idempotency_key_becomes_the_usage_id_and_asks_for_the_same_activation()
    {
        var user = Guid.NewGuid();
        var key = Guid.NewGuid();

        var first = await ActivateAsync(user, key);
        var second = await ActivateAsync(user, key);

        Assert.Equal(key, first.UsageId);
        Assert.Equal(first, second);
        await EventuallyAsync(async () => Assert.Equal((PoolSize, 1, PoolSize - 1), await CountsAsync()));
    }

    [Fact]
    public async Task The_same_key_is_refused_to_another_user()
    {
        var key = Guid.NewGuid();
        await ActivateAsync(Guid.NewGuid(), key);

        using var answer = await TryActivateAsync(Guid.NewGuid(), key);

        await AssertProblemAsync(
            answer, HttpStatusCode.UnprocessableEntity, "idempotency_key_reused", "Idempotency-Key");
    }

    [Fact]
    public async Task The_same_key_is_refused_after_its_usage_was_released()
    {
        var user = Guid.NewGuid();
        var key = Guid.NewGuid();
        var activation = await ActivateAsync(user, key);
        await ReleaseAsync(activation);

        using var answer = await TryActivateAsync(user, key);

        await AssertProblemAsync(
            answer, HttpStatusCode.UnprocessableEntity, "idempotency_key_reused", "Idempotency-Key");
    }

    [Fact]
    public async Task The_same_key_is_refused_after_its_usage_was_cleared()
    {
        var user = Guid.NewGuid();
        var key = Guid.NewGuid();
        await ActivateAsync(user, key);
        await ClearAsync();

        using var answer = await TryActivateAsync(user, key);

        await AssertProblemAsync(
            answer, HttpStatusCode.UnprocessableEntity, "idempotency_key_reused", "Idempotency-Key");
    }

    [Theory]
    [InlineData("")]
    [InlineData("17")]
    [InlineData("{2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42}")]
    [InlineData("\"2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42\"")]
    [InlineData("00000000-0000-0000-0000-000000000000")]
    [InlineData("2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42\r\nIdempotency-Key: 2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42")]
    public async Task An_idempotency_key_that_is_not_one_UUID_is_refused(string key)
    {
        var body = $$"""{"user_id":"{{Guid.NewGuid()}}"}""";

        var answer = await SendRawAsync(
            "POST /api/tokens/activate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + $"Idempotency-Key: {key}\r\nContent-Length: {body.Length}\r\n\r\n{body}");

        AssertRawProblem(answer, 422, "invalid_idempotency_key");
        Assert.Contains("\"errors\":{\"Idempotency-Key\":[", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_holds_at_most_one_token()
    {
        var user = Guid.NewGuid();
        await ActivateAsync(user);

        using var answer = await TryActivateAsync(user, Guid.NewGuid());

        await AssertProblemAsync(
            answer,
            HttpStatusCode.UnprocessableEntity,
            "user_already_active",
            "user_id",
            "already has an active token");
    }

    [Fact]
    public async Task An_exhausted_pool_says_when_to_come_back_and_lends_what_is_given_back()
    {
        var activations = await Task.WhenAll(
            Enumerable.Range(0, PoolSize).Select(_ => ActivateAsync(Guid.NewGuid())));
        Assert.Equal(PoolSize, activations.Select(activation => activation.TokenId).Distinct().Count());

        using var answer = await TryActivateAsync(Guid.NewGuid());
        await AssertProblemAsync(
            answer, HttpStatusCode.UnprocessableEntity, "no_tokens_available", "pool", "no tokens available");
        var wait = Assert.IsType<TimeSpan>(answer.Headers.RetryAfter?.Delta);
        Assert.InRange(wait, TimeSpan.FromSeconds(1), Lease);

        await ReleaseAsync(activations[42]);
        await EventuallyAsync(async () =>
        {
            using var again = await TryActivateAsync(Guid.NewGuid());
            var data = await DataAsync(again);
            Assert.Equal(activations[42].TokenId, data.GetProperty("token_id").GetGuid());
            Assert.True(data.GetProperty("fence").GetInt64() > activations[42].Fence);
        });
    }

    [Theory]
    [MemberData(nameof(BadUserIds))]
    public async Task A_bad_user_id_is_refused_saying_what_is_wrong(string? value, string message)
    {
        var body = value is null ? "{}" : $$"""{"user_id":{{value}}}""";

        using var answer = await PostAsync("/api/tokens/activate", body);

        await AssertProblemAsync(
            answer, HttpStatusCode.UnprocessableEntity, "invalid_user_id", "user_id", message);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42\"")]
    public async Task A_body_that_is_JSON_but_not_an_object_has_no_user_id(string body)
    {
        using var answer = await PostAsync("/api/tokens/activate", body);

        await AssertProblemAsync(answer, HttpStatusCode.UnprocessableEntity, "invalid_user_id", "user_id");
    }

    [Fact]
    public async Task The_list_shows_every_token_in_an_order_that_never_changes()
    {
        var before = await ListAsync();
        var activation = await ActivateAsync(Guid.NewGuid());

        await EventuallyAsync(async () =>
        {
            using var answer = await GetAsync("/api/tokens");
            using var json = await JsonAsync(answer);
            AssertMembers(json.RootElement, "data", "meta");
            AssertMembers(json.RootElement.GetProperty("meta"), "total_count", "active_count", "available_count");
            var tokens = json.RootElement.GetProperty("data").EnumerateArray().ToList();

            Assert.Equal((PoolSize, 1, PoolSize - 1), Counts(json.RootElement));
            Assert.Equal(before, tokens.Select(token => token.GetProperty("id").GetGuid()));
            Assert.All(tokens, token =>
            {
                AssertMembers(token, "id", "status", "current_user_id", "activated_at", "expires_at");
                AssertUuid(token.GetProperty("id"));
                if (token.GetProperty("id").GetGuid() == activation.TokenId)
                    AssertHeld(token, activation);
                else
                    AssertFree(token, "current_user_id", "activated_at", "expires_at");
            });
        });
    }

    [Fact]
    public async Task The_list_is_filtered_by_status_and_counts_the_whole_pool()
    {
        var held = await Task.WhenAll(ActivateAsync(Guid.NewGuid()), ActivateAsync(Guid.NewGuid()));

        await EventuallyAsync(async () =>
        {
            foreach (var (status, count) in new[] { ("active", 2), ("available", PoolSize - 2) })
            {
                using var answer = await GetAsync($"/api/tokens?status={status}");
                using var json = await JsonAsync(answer);
                var tokens = json.RootElement.GetProperty("data").EnumerateArray().ToList();

                Assert.Equal((PoolSize, 2, PoolSize - 2), Counts(json.RootElement));
                Assert.Equal(count, tokens.Count);
                Assert.All(tokens, token => Assert.Equal(status, token.GetProperty("status").GetString()));
                Assert.All(tokens, token => Assert.Equal(
                    status == "active", held.Any(h => h.TokenId == token.GetProperty("id").GetGuid())));
            }
        });
    }

    [Theory]
    [InlineData("status=")]
    [InlineData("status=all")]
    [InlineData("status=ACTIVE")]
    [InlineData("status=active&status=available")]
    public async Task Another_status_is_refused(string query)
    {
        using var answer = await GetAsync($"/api/tokens?{query}");

        await AssertProblemAsync(answer, HttpStatusCode.UnprocessableEntity, "invalid_parameter", "status");
    }

    [Fact]
    public async Task A_list_that_has_not_changed_is_not_sent_again()
    {
        await EventuallyAsync(async () =>
        {
            using var first = await GetAsync("/api/tokens");
            var tag = Assert.IsType<System.Net.Http.Headers.EntityTagHeaderValue>(first.Headers.ETag);
            Assert.False(tag.IsWeak);
            foreach (var tags in new[] { tag.Tag, $"W/{tag.Tag}", $"\"other\", {tag.Tag}", "*" })
            {
                using var second = await GetAsync("/api/tokens", tags);
                Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
                Assert.Equal(tag, second.Headers.ETag);
                Assert.Empty(await second.Content.ReadAsByteArrayAsync());
            }

            using var other = await GetAsync("/api/tokens", "\"other\"");
            Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        });
    }

    [Fact]
    public async Task A_list_that_has_changed_has_another_entity_tag()
    {
        await EventuallyAsync(async () => Assert.Equal((PoolSize, 0, PoolSize), await CountsAsync()));
        using var before = await GetAsync("/api/tokens");
        await ActivateAsync(Guid.NewGuid());

        await EventuallyAsync(async () =>
        {
            using var after = await GetAsync("/api/tokens", before.Headers.ETag!.Tag);
            Assert.Equal(HttpStatusCode.OK, after.StatusCode);
            Assert.NotEqual(before.Headers.ETag, after.Headers.ETag);
        });
    }

    [Theory]
    [InlineData("consistency=")]
    [InlineData("consistency=STRONG")]
    [InlineData("consistency=strong&consistency=eventual")]
    public async Task Another_consistency_is_refused(string query)
    {
        foreach (var path in new[] { "/api/tokens", $"/api/tokens/{Guid.NewGuid()}" })
        {
            using var answer = await GetAsync($"{path}?{query}");

            await AssertProblemAsync(
                answer, HttpStatusCode.UnprocessableEntity, "invalid_parameter", "consistency", "must be strong or eventual");
        }
    }

    [Fact]
    public async Task A_read_says_as_of_when_it_is_true_and_that_never_goes_back()
    {
        var token = (await ListAsync())[0];
        using var list = await GetAsync("/api/tokens");
        using var details = await GetAsync($"/api/tokens/{token}");
        using var missing = await GetAsync($"/api/tokens/{Guid.NewGuid()}");
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
        using var unchanged = await GetAsync("/api/tokens", "*");
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);

        HttpResponseMessage[] answers = [list, details, missing, unchanged];
        Assert.Equal(answers.Select(AsOf).Order(), answers.Select(AsOf));
        await EventuallyAsync(async () =>
        {
            using var later = await GetAsync("/api/tokens");
            Assert.True(AsOf(later) > AsOf(unchanged));
        });
    }

    [Fact]
    public async Task What_was_activated_before_a_read_was_proven_is_in_it()
    {
        var activation = await ActivateAsync(Guid.NewGuid());
        await EventuallyAsync(async () =>
        {
            using var answer = await GetAsync($"/api/tokens/{activation.TokenId}");
            var data = await DataAsync(answer);
            Assert.Equal("active", data.GetProperty("status").GetString());
            Assert.True(AsOf(answer) > DateTimeOffset.Parse(activation.ActivatedAt, CultureInfo.InvariantCulture));
        });
    }

    [Fact]
    public async Task A_strong_read_shows_at_once_what_was_answered_before_it()
    {
        var activation = await ActivateAsync(Guid.NewGuid());

        using var details = await GetAsync($"/api/tokens/{activation.TokenId}?consistency=strong");
        var token = await DataAsync(details);
        AssertMembers(token, "id", "status", "current_user_id", "activated_at", "active_usage");
        Assert.Equal(activation.UserId.ToString(), token.GetProperty("current_user_id").GetString());
        Assert.True(AsOf(details) > DateTimeOffset.Parse(activation.ActivatedAt, CultureInfo.InvariantCulture));

        foreach (var (query, count) in new[] { ("", PoolSize), ("&status=active", 1), ("&status=available", PoolSize - 1) })
        {
            using var answer = await GetAsync($"/api/tokens?consistency=strong{query}");
            using var json = await JsonAsync(answer);
            Assert.Equal((PoolSize, 1, PoolSize - 1), Counts(json.RootElement));
            var tokens = json.RootElement.GetProperty("data").EnumerateArray().ToList();
            Assert.Equal(count, tokens.Count);
            Assert.All(
                tokens.Where(t => t.GetProperty("status").GetString() == "active"), t => AssertHeld(t, activation));
            Assert.True(AsOf(answer) >= AsOf(details));
        }

        await ReleaseAsync(activation);
        using var released = await GetAsync($"/api/tokens/{activation.TokenId}?consistency=strong");
        AssertFree(await DataAsync(released), "current_user_id", "activated_at", "active_usage");
    }

    [Fact]
    public async Task A_strong_list_has_the_bytes_and_the_entity_tag_of_the_other()
    {
        await ActivateAsync(Guid.NewGuid());
        await EventuallyAsync(async () =>
        {
            using var strong = await GetAsync("/api/tokens?consistency=strong");
            using var eventual = await GetAsync("/api/tokens?consistency=eventual");
            Assert.Equal(await strong.Content.ReadAsStringAsync(), await eventual.Content.ReadAsStringAsync());
            Assert.Equal(strong.Headers.ETag, eventual.Headers.ETag);

            using var unchanged = await GetAsync("/api/tokens?consistency=strong", eventual.Headers.ETag!.Tag);
            Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
            Assert.True(AsOf(unchanged) >= AsOf(strong));
        });
    }

    [Fact]
    public async Task A_strong_read_of_an_unknown_token_finds_nothing_as_of_now()
    {
        using var answer = await GetAsync($"/api/tokens/{Guid.NewGuid()}?consistency=strong");

        await AssertProblemAsync(answer, HttpStatusCode.NotFound, "token_not_found", "token", "not found");
        Assert.NotEqual(default, AsOf(answer));
    }

    [Fact]
    public async Task The_details_show_the_running_usage()
    {
        var activation = await ActivateAsync(Guid.NewGuid());

        await EventuallyAsync(async () =>
        {
            using var answer = await GetAsync(
                $"/api/tokens/{activation.TokenId.ToString().ToUpperInvariant()}");
            var data = await DataAsync(answer);

            AssertMembers(data, "id", "status", "current_user_id", "activated_at", "active_usage");
            Assert.Equal(activation.TokenId.ToString(), data.GetProperty("id").GetString());
            Assert.Equal("active", data.GetProperty("status").GetString());
            Assert.Equal(activation.UserId.ToString(), data.GetProperty("current_user_id").GetString());
            Assert.Equal(activation.ActivatedAt, data.GetProperty("activated_at").GetString());
            var usage = data.GetProperty("active_usage");
            AssertMembers(usage, "user_id", "started_at", "ended_at", "expires_at");
            Assert.Equal(activation.UserId.ToString(), usage.GetProperty("user_id").GetString());
            Assert.Equal(activation.ActivatedAt, usage.GetProperty("started_at").GetString());
            Assert.Equal(JsonValueKind.Null, usage.GetProperty("ended_at").ValueKind);
            Assert.Equal(activation.ExpiresAt, usage.GetProperty("expires_at").GetString());
        });
    }

    [Fact]
    public async Task The_details_of_an_available_token_have_no_usage()
    {
        var token = (await ListAsync())[0];

        await EventuallyAsync(async () =>
        {
            using var answer = await GetAsync($"/api/tokens/{token}");
            AssertFree(await DataAsync(answer), "current_user_id", "activated_at", "active_usage");
        });
    }

    [Fact]
    public async Task The_history_is_newest_first_and_says_how_each_usage_ended()
    {
        var first = await ActivateAsync(Guid.NewGuid());
        await ReleaseAsync(first);
        var cleared = await ActivateAgainAsync(first.TokenId);
        await ClearAsync();
        var running = await ActivateAgainAsync(first.TokenId);

        await EventuallyAsync(async () =>
        {
            using var answer = await GetAsync($"/api/tokens/{first.TokenId}/history");
            var data = await DataAsync(answer);
            var usages = data.GetProperty("usages").EnumerateArray().ToList();

            AssertMembers(data, "token_id", "usages", "meta");
            AssertMembers(data.GetProperty("meta"), "total_usages", "next_cursor");
            Assert.Equal(first.TokenId.ToString(), data.GetProperty("token_id").GetString());
            Assert.True(data.GetProperty("meta").GetProperty("total_usages").GetInt64() >= 3);
            Assert.Equal(usages, usages.OrderByDescending(usage => usage.GetProperty("fence").GetInt64()));
            AssertUsage(Find(usages, running), running, null);
            AssertUsage(Find(usages, cleared), cleared, "cleared");
            AssertUsage(Find(usages, first), first, "released");
            Assert.Equal(running.UsageId, usages[0].GetProperty("usage_id").GetGuid());
        });
    }

    [Fact]
    public async Task The_history_is_paged_by_its_cursor()
    {
        var activation = await ActivateAsync(Guid.NewGuid());
        await ReleaseAsync(activation);
        await ReleaseAsync(await ActivateAgainAsync(activation.TokenId));
        var path = $"/api/tokens/{activation.TokenId}/history";

        await EventuallyAsync(async () =>
        {
            using var whole = await GetAsync($"{path}?limit=1000");
            var all = await DataAsync(whole);
            var expected = Fences(all);
            Assert.Equal(JsonValueKind.Null, all.GetProperty("meta").GetProperty("next_cursor").ValueKind);

            var seen = new List<long>();
            string? cursor = null;
            do
            {
                using var answer = await GetAsync(
                    cursor is null ? $"{path}?limit=1" : $"{path}?limit=1&cursor={Uri.EscapeDataString(cursor)}");
                var page = await DataAsync(answer);
                seen.Add(Assert.Single(Fences(page)));
                Assert.Equal(expected.Count, page.GetProperty("meta").GetProperty("total_usages").GetInt64());
                cursor = page.GetProperty("meta").GetProperty("next_cursor").GetString();
            }
            while (cursor is not null);

            Assert.True(seen.Count >= 2);
            Assert.Equal(expected, seen);
        });
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=1001", "limit")]
    [InlineData("limit=-1", "limit")]
    [InlineData("limit=%2B5", "limit")]
    [InlineData("limit=ten", "limit")]
    [InlineData("limit=", "limit")]
    [InlineData("limit=1&limit=2", "limit")]
    [InlineData("cursor=", "cursor")]
    [InlineData("cursor=!", "cursor")]
    public async Task A_parameter_out_of_range_is_refused_by_name(string query, string name)
    {
        var token = (await ListAsync())[0];

        using var answer = await GetAsync($"/api/tokens/{token}/history?{query}");

        await AssertProblemAsync(answer, HttpStatusCode.UnprocessableEntity, "invalid_parameter", name);
    }

    [Fact]
    public async Task A_release_answers_the_same_when_it_is_sent_again()
    {
        var activation = await ActivateAsync(Guid.NewGuid());

        var first = await ReleaseAsync(activation);
        var second = await ReleaseAsync(activation);

        Assert.Equal(first, second);
        await EventuallyAsync(async () => Assert.Equal((PoolSize, 0, PoolSize), await CountsAsync()));
    }

    [Fact]
    public async Task A_release_ends_only_the_usage_that_is_named()
    {
        var user = Guid.NewGuid();
        var mine = await ActivateAsync(user);
        var other = await ActivateAsync(Guid.NewGuid());

        using var foreign = await TryReleaseAsync(mine.TokenId, other.UsageId);
        using var unknown = await TryReleaseAsync(mine.TokenId, Guid.NewGuid());

        await AssertProblemAsync(foreign, HttpStatusCode.UnprocessableEntity, "usage_mismatch", "usage_id");
        await AssertProblemAsync(unknown, HttpStatusCode.UnprocessableEntity, "usage_mismatch", "usage_id");
        using var still = await TryActivateAsync(user);
        await AssertProblemAsync(still, HttpStatusCode.UnprocessableEntity, "user_already_active", "user_id");
    }

    [Fact]
    public async Task A_release_of_a_cleared_usage_says_how_and_when_it_ended()
    {
        var activation = await ActivateAsync(Guid.NewGuid());
        await ClearAsync();

        using var answer = await TryReleaseAsync(activation.TokenId, activation.UsageId);

        var detail = await AssertProblemAsync(
            answer, HttpStatusCode.UnprocessableEntity, "usage_ended", "usage_id");
        Assert.Contains("cleared", detail, StringComparison.Ordinal);
        Assert.Matches(@"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", detail);
    }

    [Theory]
    [InlineData("{}", "is missing")]
    [InlineData("""{"usage_id":null}""", "must be a string")]
    [InlineData("""{"usage_id":"17"}""", "must be a UUID")]
    [InlineData("""{"usage_id":"00000000-0000-0000-0000-000000000000"}""", "must not be the nil UUID")]
    public async Task A_bad_usage_id_is_refused_saying_what_is_wrong(string body, string message)
    {
        var token = (await ListAsync())[0];

        using var answer = await PostAsync($"/api/tokens/{token}/release", body);

        await AssertProblemAsync(
            answer, HttpStatusCode.UnprocessableEntity, "invalid_usage_id", "usage_id", message);
    }

    [Fact]
    public async Task A_clear_ends_every_running_usage_and_says_how_many()
    {
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => ActivateAsync(Guid.NewGuid())));

        Assert.Equal((3, "Successfully cleared all active tokens"), await ClearAsync());
        Assert.Equal((0, "No tokens currently require clearing"), await ClearAsync());
        await EventuallyAsync(async () => Assert.Equal((PoolSize, 0, PoolSize), await CountsAsync()));
    }

    [Fact]
    public async Task A_cleared_user_may_activate_again_at_once()
    {
        var user = Guid.NewGuid();
        var before = await ActivateAsync(user);
        await ClearAsync();

        var after = await ActivateAsync(user);

        Assert.NotEqual(before.UsageId, after.UsageId);
    }

    [Fact]
    public async Task A_clear_ignores_its_body()
    {
        using var answer = await PostAsync("/api/tokens/clear", "{ not JSON", "text/plain");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [MemberData(nameof(BadTokenIds))]
    public async Task A_token_id_that_is_not_a_UUID_is_refused_on_every_route(string id)
    {
        foreach (var request in new[]
        {
            $"GET /api/tokens/{id}", $"GET /api/tokens/{id}/history", $"POST /api/tokens/{id}/release",
        })
        {
            var answer = await SendRawAsync(
                $"{request} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n");

            AssertRawProblem(answer, 422, "invalid_token_id");
            Assert.Contains("\"errors\":{\"token_id\":[\"must be a UUID\"]}", answer, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(NilId)]
    [InlineData("2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42")]
    public async Task An_unknown_token_is_not_found_on_any_route(string id)
    {
        using var details = await GetAsync($"/api/tokens/{id}");
        using var history = await GetAsync($"/api/tokens/{id}/history");
        using var release = await TryReleaseAsync(Guid.Parse(id), Guid.NewGuid());

        foreach (var answer in new[] { details, history, release })
            await AssertProblemAsync(answer, HttpStatusCode.NotFound, "token_not_found", "token", "not found");
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("user_id=2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42")]
    [InlineData("""{"user_id":"2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42"} x""")]
    [InlineData("""{'user_id':'2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42'}""")]
    public async Task A_body_that_is_not_JSON_is_refused(string body)
    {
        using var activate = await PostAsync("/api/tokens/activate", body);
        using var release = await PostAsync($"/api/tokens/{(await ListAsync())[0]}/release", body);

        await AssertProblemAsync(activate, HttpStatusCode.BadRequest, "malformed_json");
        await AssertProblemAsync(release, HttpStatusCode.BadRequest, "malformed_json");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/json; charset=iso-8859-1")]
    public async Task Another_content_type_is_refused(string? type)
    {
        var body = $$"""{"user_id":"{{Guid.NewGuid()}}"}""";

        using var answer = await PostAsync("/api/tokens/activate", body, type);

        await AssertProblemAsync(answer, HttpStatusCode.UnsupportedMediaType, "unsupported_media_type");
    }

    [Theory]
    [InlineData("application/json; charset=utf-8")]
    [InlineData("application/json;charset=\"UTF-8\"")]
    [InlineData("application/vnd.token+json")]
    public async Task JSON_under_another_name_is_taken(string type)
    {
        var body = $$"""{"user_id":"{{Guid.NewGuid()}}"}""";

        using var answer = await PostAsync("/api/tokens/activate", body, type);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task A_body_of_the_limit_is_taken_and_one_more_byte_is_not()
    {
        var body = $$"""{"user_id":"{{Guid.NewGuid()}}"}""";

        using var most = await PostAsync("/api/tokens/activate", body.PadRight(BodyLimit));
        using var more = await PostAsync("/api/tokens/activate", body.PadRight(BodyLimit + 1));

        Assert.Equal(HttpStatusCode.OK, most.StatusCode);
        await AssertProblemAsync(more, HttpStatusCode.RequestEntityTooLarge, "body_too_large");
    }

    [Theory]
    [InlineData("/api/tokens/activate")]
    [InlineData("/api/tokens/2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42/release")]
    [InlineData("/api/tokens/clear")]
    public async Task A_large_body_is_refused_before_it_has_come(string path)
    {
        var head = $"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        var chunk = $"400\r\n{new string(' ', 1024)}\r\n";

        var announced = await SendRawAsync(head + "Content-Length: 1000000000\r\n\r\n");
        var chunked = await SendRawAsync(
            [head + "Transfer-Encoding: chunked\r\n\r\n", .. Enumerable.Repeat(chunk, 17)]);

        AssertRawProblem(announced, 413, "body_too_large");
        AssertRawProblem(chunked, 413, "body_too_large");
    }

    [Theory]
    [MemberData(nameof(WrongMethods))]
    public async Task A_wrong_method_is_told_the_right_ones(string method, string path, string allow)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var answer = await SendAsync(request);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal(allow, string.Join(", ", answer.Content.Headers.Allow.Order(StringComparer.Ordinal)));
        if (method != "HEAD")
            await AssertProblemAsync(answer, HttpStatusCode.MethodNotAllowed, "method_not_allowed");
    }

    [Theory]
    [InlineData("/api")]
    [InlineData("/api/users")]
    [InlineData("/api/tokens/2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42/usages")]
    public async Task An_unknown_route_is_not_found(string path)
    {
        using var answer = await GetAsync(path);

        await AssertProblemAsync(answer, HttpStatusCode.NotFound, "not_found");
    }

    [Fact]
    public async Task HEAD_answers_like_GET_without_a_body()
    {
        var token = (await ListAsync())[0];
        foreach (var path in new[]
        {
            "/api/tokens", $"/api/tokens/{token}", $"/api/tokens/{token}/history",
            "/api/tokens?consistency=strong", $"/api/tokens/{token}?consistency=strong",
        })
        {
            await EventuallyAsync(async () =>
            {
                using var get = await GetAsync(path);
                using var request = new HttpRequestMessage(HttpMethod.Head, path);
                using var head = await SendAsync(request);

                Assert.Equal(HttpStatusCode.OK, head.StatusCode);
                Assert.Equal(get.Content.Headers.ContentLength, head.Content.Headers.ContentLength);
                Assert.Equal(get.Content.Headers.ContentType, head.Content.Headers.ContentType);
                Assert.Equal(get.Headers.ETag, head.Headers.ETag);
                Assert.Empty(await head.Content.ReadAsByteArrayAsync());
            });
        }
    }

    [Fact]
    public async Task The_service_describes_itself()
    {
        using var answer = await GetAsync("/openapi/v1.json");
        using var json = await JsonAsync(answer);

        Assert.Equal(
            [
                "/api/tokens",
                "/api/tokens/activate",
                "/api/tokens/clear",
                "/api/tokens/{id}",
                "/api/tokens/{id}/history",
                "/api/tokens/{id}/release",
            ],
            json.RootElement.GetProperty("paths").EnumerateObject()
                .Select(path => path.Name)
                .Order(StringComparer.Ordinal));
    }

    private static void AssertMembers(JsonElement value, params string[] required) =>
        Assert.Superset(
            required.ToHashSet(), value.EnumerateObject().Select(member => member.Name).ToHashSet());

    private static DateTimeOffset AsOf(HttpResponseMessage answer)
    {
        var text = Assert.Single(answer.Headers.GetValues("Token-As-Of"));
        Assert.EndsWith("Z", text, StringComparison.Ordinal);
        return DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
    }

    private static void AssertUuid(JsonElement value) => Assert.Matches(LowerCaseUuid(), value.GetString());

    private static DateTimeOffset Time(JsonElement value)
    {
        Assert.EndsWith("Z", value.GetString(), StringComparison.Ordinal);
        return value.GetDateTimeOffset();
    }

    private static void AssertHeld(JsonElement token, Activation activation)
    {
        Assert.Equal("active", token.GetProperty("status").GetString());
        Assert.Equal(activation.UserId.ToString(), token.GetProperty("current_user_id").GetString());
        Assert.Equal(activation.ActivatedAt, token.GetProperty("activated_at").GetString());
        Assert.Equal(activation.ExpiresAt, token.GetProperty("expires_at").GetString());
    }

    private static void AssertFree(JsonElement token, params string[] empty)
    {
        Assert.Equal("available", token.GetProperty("status").GetString());
        Assert.All(empty, member => Assert.Equal(JsonValueKind.Null, token.GetProperty(member).ValueKind));
    }

    private static void AssertUsage(JsonElement usage, Activation activation, string? endReason)
    {
        AssertMembers(usage, "user_id", "started_at", "ended_at", "usage_id", "fence", "end_reason");
        Assert.Equal(activation.UserId.ToString(), usage.GetProperty("user_id").GetString());
        Assert.Equal(activation.ActivatedAt, usage.GetProperty("started_at").GetString());
        Assert.Equal(activation.Fence, usage.GetProperty("fence").GetInt64());
        Assert.Equal(endReason, usage.GetProperty("end_reason").GetString());
        if (endReason is null)
            Assert.Equal(JsonValueKind.Null, usage.GetProperty("ended_at").ValueKind);
        else
            Assert.True(Time(usage.GetProperty("ended_at")) >= Time(usage.GetProperty("started_at")));
    }

    private static JsonElement Find(IEnumerable<JsonElement> usages, Activation activation) =>
        Assert.Single(usages, usage => usage.GetProperty("usage_id").GetGuid() == activation.UsageId);

    private static List<long> Fences(JsonElement history) =>
        [.. history.GetProperty("usages").EnumerateArray().Select(usage => usage.GetProperty("fence").GetInt64())];

    private static (int Total, int Active, int Available) Counts(JsonElement list)
    {
        var meta = list.GetProperty("meta");
        return (
            meta.GetProperty("total_count").GetInt32(),
            meta.GetProperty("active_count").GetInt32(),
            meta.GetProperty("available_count").GetInt32());
    }

    /// <summary>Checks everything that every error must have, and gives its detail.</summary>
    private static async Task<string> AssertProblemAsync(
        HttpResponseMessage answer, HttpStatusCode status, string code, string? field = null, string? message = null)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(status == answer.StatusCode, $"{(int)answer.StatusCode}: {text}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        using var json = JsonDocument.Parse(text);
        var problem = json.RootElement;
        AssertMembers(problem, "type", "title", "status", "detail", "instance", "code", "errors");
        Assert.Equal(code, problem.GetProperty("code").GetString());
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        Assert.Equal(
            answer.RequestMessage!.RequestUri!.AbsolutePath, problem.GetProperty("instance").GetString());
        Assert.NotEmpty(problem.GetProperty("title").GetString()!);

        var errors = problem.GetProperty("errors").EnumerateObject().ToList();
        if (field is null)
        {
            Assert.Empty(errors);
        }
        else
        {
            var messages = Assert.Single(errors, error => error.Name == field).Value.EnumerateArray();
            var only = Assert.Single(messages).GetString();
            if (message is not null) Assert.Equal(message, only);
        }

        var detail = problem.GetProperty("detail").GetString()!;
        Assert.EndsWith(".", detail, StringComparison.Ordinal);
        return detail;
    }

    private static void AssertRawProblem(string answer, int status, string code)
    {
        Assert.StartsWith($"HTTP/1.1 {status.ToString(CultureInfo.InvariantCulture)} ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nContent-Type: application/problem+json", answer, StringComparison.Ordinal);
        Assert.Contains($"\"code\":\"{code}\"", answer, StringComparison.Ordinal);
    }

    /// <summary>Reads may be a moment behind: what must be seen in the end is asked for until it is.</summary>
    private static async Task EventuallyAsync(Func<Task> assertion)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            try
            {
                await assertion();
                return;
            }
            catch (Xunit.Sdk.XunitException) when (!patience.IsCancellationRequested)
            {
                await Task.Delay(Pause);
            }
        }
    }

    private static async Task<JsonDocument> JsonAsync(HttpResponseMessage answer)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{(int)answer.StatusCode}: {text}");
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        return JsonDocument.Parse(text);
    }

    private static async Task<JsonElement> DataAsync(HttpResponseMessage answer)
    {
        using var json = await JsonAsync(answer);
        return json.RootElement.GetProperty("data").Clone();
    }

    private Task<string> SendRawAsync(params string[] parts) => RawHttp.SendAsync(_service, parts);

    private Task<HttpResponseMessage> SendAsync(HttpRequestMessage request)
    {
        request.RequestUri = new Uri(_service, request.RequestUri!);
        return Client.SendAsync(request);
    }

    private async Task<HttpResponseMessage> GetAsync(string path, string? ifNoneMatch = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (ifNoneMatch is not null) request.Headers.TryAddWithoutValidation("If-None-Match", ifNoneMatch);
        return await SendAsync(request);
    }

    private async Task<HttpResponseMessage> PostAsync(
        string path, string body, string? type = "application/json", Guid? idempotencyKey = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        if (type is not null) request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        if (idempotencyKey is { } key) request.Headers.Add("Idempotency-Key", key.ToString());
        return await SendAsync(request);
    }

    private Task<HttpResponseMessage> TryActivateAsync(Guid userId, Guid? key = null) =>
        PostAsync("/api/tokens/activate", $$"""{"user_id":"{{userId}}"}""", idempotencyKey: key);

    private Task<HttpResponseMessage> TryReleaseAsync(Guid tokenId, Guid usageId) =>
        PostAsync($"/api/tokens/{tokenId}/release", $$"""{"usage_id":"{{usageId}}"}""");

    private async Task<Activation> ActivateAsync(Guid userId, Guid? key = null)
    {
        using var answer = await TryActivateAsync(userId, key);
        return ToActivation(await DataAsync(answer));
    }

    private static Activation ToActivation(JsonElement data) =>
        new(
            data.GetProperty("token_id").GetGuid(),
            data.GetProperty("user_id").GetGuid(),
            data.GetProperty("usage_id").GetGuid(),
            data.GetProperty("fence").GetInt64(),
            data.GetProperty("activated_at").GetString()!,
            data.GetProperty("expires_at").GetString()!);

    /// <summary>Which token is lent is the pool's choice: lends until it is this one.</summary>
    private async Task<Activation> ActivateAgainAsync(Guid tokenId)
    {
        Activation? activation = null;
        await EventuallyAsync(async () =>
        {
            do
            {
                activation = await ActivateAsync(Guid.NewGuid());
            }
            while (activation.TokenId != tokenId);
        });
        return activation!;
    }

    private async Task<string?> ReleaseAsync(Activation activation)
    {
        using var answer = await TryReleaseAsync(activation.TokenId, activation.UsageId);
        var data = await DataAsync(answer);
        AssertMembers(data, "token_id", "usage_id", "released_at");
        Assert.Equal(activation.TokenId.ToString(), data.GetProperty("token_id").GetString());
        Assert.Equal(activation.UsageId.ToString(), data.GetProperty("usage_id").GetString());
        Assert.True(Time(data.GetProperty("released_at")) >= DateTimeOffset.Parse(
            activation.ActivatedAt, CultureInfo.InvariantCulture));
        return data.GetProperty("released_at").GetString();
    }

    private async Task<(int Count, string? Message)> ClearAsync()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/tokens/clear");
        using var answer = await SendAsync(request);
        var data = await DataAsync(answer);
        AssertMembers(data, "cleared_tokens", "message");
        return (data.GetProperty("cleared_tokens").GetInt32(), data.GetProperty("message").GetString());
    }

    private async Task<List<Guid>> ListAsync()
    {
        using var answer = await GetAsync("/api/tokens");
        using var json = await JsonAsync(answer);
        return [.. json.RootElement.GetProperty("data").EnumerateArray().Select(t => t.GetProperty("id").GetGuid())];
    }

    private async Task<(int Total, int Active, int Available)> CountsAsync()
    {
        using var answer = await GetAsync("/api/tokens");
        using var json = await JsonAsync(answer);
        return Counts(json.RootElement);
    }

    [GeneratedRegex("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    private static partial Regex LowerCaseUuid();

    private sealed record Activation(
        Guid TokenId, Guid UserId, Guid UsageId, long Fence, string ActivatedAt, string ExpiresAt);
}
