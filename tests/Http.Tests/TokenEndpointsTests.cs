using System.Net;
using System.Text;
using System.Text.Json;
using TokenManager.Actors;
using TokenManager.Actors.Cache;
using TokenManager.Contract;

namespace TokenManager.Http.Tests;

/// <summary>Each result of the gateway and the cache, and each way to ask, against what the contract says.</summary>
public sealed class TokenEndpointsTests : IAsyncLifetime
{
    private const string UserId = "2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42";
    private const string UsageId = "d94f3b7a-6c21-4f58-b0e7-9a8c5d1e2b36";
    private const string AsOf = "2026-01-31T12:00:07.000000Z";
    private const string NilId = "00000000-0000-0000-0000-000000000000";

    private static readonly DateTimeOffset Start = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private static readonly string TokenPath = $"/api/tokens/{ScriptedCache.TokenId}";
    private static readonly string Body = $$"""{"user_id":"{{UserId}}"}""";

    private static readonly Usage Running = new(
        Guid.Parse(UsageId), ScriptedCache.TokenId, Guid.Parse(UserId), 17, Start, Start.AddMinutes(2), null);

    private readonly ScriptedGateway _gateway = new();
    private readonly ScriptedCache _cache = new();
    private ApiHost _host = null!;

    private HttpClient Client => _host.Client;

    public static TheoryData<string, string> BadIdMembers(string field) => new()
    {
        { "{}", "is missing" },
        { """{"other":1}""", "is missing" },
        { $$"""{"{{field.ToUpperInvariant()}}":"{{UserId}}"}""", "is missing" },
        { "[]", "is missing" },
        { "null", "is missing" },
        { "17", "is missing" },
        { "\"text\"", "is missing" },
        { $$"""{"{{field}}":null}""", "must be a string" },
        { $$"""{"{{field}}":17}""", "must be a string" },
        { $$"""{"{{field}}":{"a":[]} }""", "must be a string" },
        { $$"""{"{{field}}":""}""", "must be a UUID" },
        { $$"""{"{{field}}":"{{{UserId}}}"}""", "must be a UUID" },
        { $$"""{"{{field}}":" {{UserId}}"}""", "must be a UUID" },
        { $$"""{"{{field}}":"{{UserId.Replace("-", "", StringComparison.Ordinal)}}"}""", "must be a UUID" },
        { $$"""{"{{field}}":"\ud800"}""", "must be a UUID" },
        { $$"""{"{{field}}":"{{NilId}}"}""", "must not be the nil UUID" },
        { $$"""{"{{field}}":"{{UserId}}","{{field}}":1}""", "must be a string" },
    };

    public static TheoryData<string, string> BadUserIds => BadIdMembers("user_id");

    public static TheoryData<string, string> BadUsageIds => BadIdMembers("usage_id");

    public static TheoryData<byte[]> BodiesThatAreNotJson =>
    [
        .. new[]
        {
            "", " ", "{", "{'user_id':1}", $$"""{"user_id":"{{UserId}}"}x""", $$"""{"user_id":"{{UserId}}",}""",
            $$"""{"user_id":"{{UserId}}"}{}""", "user_id=1", "/**/{}", "\uFEFF{}", "NaN",
            new string('[', 65) + new string(']', 65),
        }.Select(Encoding.UTF8.GetBytes),
        [.. "{\"user_id\":\""u8, 0xFF, .. "\"}"u8],
        [.. "{\"user_id\":\""u8, 0xC0, 0x80, .. "\"}"u8],
        Encoding.Unicode.GetBytes("{}"),
    ];

    public static TheoryData<string> BadTokenIds =>
    [
        "x", "17", UserId + "0", UserId.Replace("-", "", StringComparison.Ordinal), "{" + UserId + "}",
        "%20" + UserId, UserId + "%0A", "%zz", "%2F", "%E2%82%AC",
    ];

    public async Task InitializeAsync() => _host = await ApiHost.StartAsync(_gateway, _cache);

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Theory]
    [InlineData("", "list All")]
    [InlineData("?", "list All")]
    [InlineData("?other=1", "list All")]
    [InlineData("?status=active", "list Active")]
    [InlineData("?status=available&other=", "list Available")]
    public async Task A_list_is_the_prepared_bytes(string query, string body)
    {
        using var answer = await Client.GetAsync("/api/tokens" + query);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(body, await answer.Content.ReadAsStringAsync());
        Assert.Equal(body.Length, answer.Content.Headers.ContentLength);
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.ToString());
        Assert.Equal(ScriptedCache.ETag, answer.Headers.ETag?.ToString());
        Assert.Equal("no-cache", answer.Headers.CacheControl?.ToString());
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.False(answer.Headers.Contains("Server"));
    }

    [Theory]
    [InlineData("?status")]
    [InlineData("?status=")]
    [InlineData("?status=Active")]
    [InlineData("?status=all")]
    [InlineData("?status=active&status=active")]
    [InlineData("?status=active,available")]
    [InlineData("?status=%zz")]
    public async Task A_list_of_another_status_is_refused(string query)
    {
        using var answer = await Client.GetAsync("/api/tokens" + query);

        await ProblemAssert.IsAsync(
            answer, HttpStatusCode.UnprocessableEntity, "invalid_parameter", "status", "must be active or available");
    }

    [Theory]
    [InlineData("\"v1,2\"")]
    [InlineData("W/\"v1,2\"")]
    [InlineData("*")]
    [InlineData("\"v0\", \"v1,2\"")]
    public async Task A_list_that_the_caller_has_is_not_sent_again(string tags)
    {
        using var answer = await SendAsync(HttpMethod.Get, "/api/tokens", ("If-None-Match", tags));

        Assert.Equal(HttpStatusCode.NotModified, answer.StatusCode);
        Assert.Equal(ScriptedCache.ETag, answer.Headers.ETag?.ToString());
        Assert.Equal("no-cache", answer.Headers.CacheControl?.ToString());
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task A_list_that_has_changed_is_sent_whole()
    {
        using var answer = await SendAsync(HttpMethod.Get, "/api/tokens", ("If-None-Match", "\"v0\""));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Details_are_the_prepared_bytes()
    {
        using var answer = await Client.GetAsync($"/api/tokens/{ScriptedCache.TokenId.ToString().ToUpperInvariant()}");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("details", await answer.Content.ReadAsStringAsync());
        Assert.Equal("details".Length, answer.Content.Headers.ContentLength);
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.ToString());
        Assert.Equal("no-cache", answer.Headers.CacheControl?.ToString());
    }

    [Theory]
    [InlineData(UserId)]
    [InlineData(NilId)]
    public async Task A_token_that_is_not_in_the_pool_is_not_found(string id)
    {
        using var answer = await Client.GetAsync($"/api/tokens/{id}");

        await ProblemAssert.IsAsync(answer, HttpStatusCode.NotFound, "token_not_found", "token", "not found");
    }

    [Theory]
    [MemberData(nameof(BadTokenIds))]
    public async Task A_token_id_that_is_not_a_UUID_is_refused_on_every_route(string id)
    {
        foreach (var (method, path) in new[]
        {
            (HttpMethod.Get, $"/api/tokens/{id}"),
            (HttpMethod.Get, $"/api/tokens/{id}/history"),
            (HttpMethod.Post, $"/api/tokens/{id}/release"),
        })
        {
            var target = $"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            var answer = await RawHttp.SendAsync(_host.Address, target);

            Assert.StartsWith("HTTP/1.1 422 ", answer, StringComparison.Ordinal);
            Assert.Contains("\"code\":\"invalid_token_id\"", answer, StringComparison.Ordinal);
            Assert.Contains("\"errors\":{\"token_id\":[\"must be a UUID\"]}", answer, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("/api/tokens")]
    [InlineData("/api/tokens?consistency=strong")]
    [InlineData("/api/tokens/8c1d7a52-4e0f-4b6a-9a3d-5f2e8b7c6d10")]
    [InlineData("/api/tokens/8c1d7a52-4e0f-4b6a-9a3d-5f2e8b7c6d10?consistency=strong")]
    public async Task A_node_that_has_not_seen_the_pool_yet_is_unavailable(string path)
    {
        _cache.AsOf = null;

        using var answer = await Client.GetAsync(path);

        await ProblemAssert.IsAsync(answer, HttpStatusCode.ServiceUnavailable, "unavailable");
        ProblemAssert.RetriesAfter(answer, 1);
        AssertAsOf(null, answer);
    }

    [Theory]
    [InlineData("/api/tokens", HttpStatusCode.OK)]
    [InlineData("/api/tokens?status=active&consistency=eventual", HttpStatusCode.OK)]
    [InlineData("/api/tokens/8c1d7a52-4e0f-4b6a-9a3d-5f2e8b7c6d10", HttpStatusCode.OK)]
    [InlineData("/api/tokens/8c1d7a52-4e0f-4b6a-9a3d-5f2e8b7c6d10?consistency=eventual", HttpStatusCode.OK)]
    [InlineData("/api/tokens/" + UserId, HttpStatusCode.NotFound)]
    public async Task A_read_says_as_of_when_it_is_true(string path, HttpStatusCode status)
    {
        using var answer = await Client.GetAsync(path);

        Assert.Equal(status, answer.StatusCode);
        AssertAsOf(_cache.AsOf, answer);
    }

    [Fact]
    public async Task A_list_that_the_caller_has_says_as_of_when_that_is_true()
    {
        using var answer = await SendAsync(HttpMethod.Get, "/api/tokens", ("If-None-Match", "*"));

        Assert.Equal(HttpStatusCode.NotModified, answer.StatusCode);
        AssertAsOf(_cache.AsOf, answer);
    }

    [Theory]
    [InlineData("/api/tokens?consistency=")]
    [InlineData("/api/tokens?consistency=Strong")]
    [InlineData("/api/tokens?consistency=strong&consistency=strong")]
    [InlineData("/api/tokens?status=active&consistency=linearizable")]
    [InlineData("/api/tokens/8c1d7a52-4e0f-4b6a-9a3d-5f2e8b7c6d10?consistency=weak")]
    [InlineData("/api/tokens/8c1d7a52-4e0f-4b6a-9a3d-5f2e8b7c6d10?consistency")]
    public async Task Another_consistency_is_refused(string path)
    {
        using var answer = await Client.GetAsync(path);

        await ProblemAssert.IsAsync(
            answer,
            HttpStatusCode.UnprocessableEntity,
            "invalid_parameter",
            "consistency",
            "must be strong or eventual");
        AssertAsOf(null, answer);
    }

    [Theory]
    [InlineData("?consistency=strong", TokenFilter.All)]
    [InlineData("?consistency=strong&status=active", TokenFilter.Active)]
    [InlineData("?status=available&consistency=strong", TokenFilter.Available)]
    public async Task A_strong_list_is_what_the_ledger_says(string query, TokenFilter filter)
    {
        _gateway.OnReadList = asked => Task.FromResult<StrongListResult>(
            new StrongListResult.Found(new PreparedList(Encoding.UTF8.GetBytes($"ledger {asked}"), "\"v2\""), AsOf));

        using var answer = await Client.GetAsync("/api/tokens" + query);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal($"ledger {filter}", await answer.Content.ReadAsStringAsync());
        Assert.Equal("\"v2\"", answer.Headers.ETag?.ToString());
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.ToString());
        AssertAsOf(AsOf, answer);

        using var again = await SendAsync(HttpMethod.Get, "/api/tokens" + query, ("If-None-Match", "\"v2\""));
        Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
        Assert.Equal("\"v2\"", again.Headers.ETag?.ToString());
        AssertAsOf(AsOf, again);
    }

    [Fact]
    public async Task Strong_details_are_what_the_ledger_says()
    {
        _gateway.OnReadDetails = id => Task.FromResult<StrongDetailsResult>(id == ScriptedCache.TokenId
            ? new StrongDetailsResult.Found("ledger"u8.ToArray(), AsOf)
            : new StrongDetailsResult.TokenNotFound(AsOf));

        using var found = await Client.GetAsync(TokenPath + "?consistency=strong");
        Assert.Equal(HttpStatusCode.OK, found.StatusCode);
        Assert.Equal("ledger", await found.Content.ReadAsStringAsync());
        AssertAsOf(AsOf, found);

        using var missing = await Client.GetAsync($"/api/tokens/{UserId}?consistency=strong");
        await ProblemAssert.IsAsync(missing, HttpStatusCode.NotFound, "token_not_found", "token", "not found");
        AssertAsOf(AsOf, missing);
    }

    [Theory]
    [InlineData("/api/tokens?consistency=strong")]
    [InlineData("/api/tokens/8c1d7a52-4e0f-4b6a-9a3d-5f2e8b7c6d10?consistency=strong")]
    public async Task A_strong_read_without_a_database_is_unavailable_rather_than_old(string path)
    {
        _gateway.OnReadList = _ => Task.FromResult<StrongListResult>(new StrongListResult.Unavailable());
        _gateway.OnReadDetails = _ => Task.FromResult<StrongDetailsResult>(new StrongDetailsResult.Unavailable());

        using var answer = await Client.GetAsync(path);

        var detail = await ProblemAssert.IsAsync(answer, HttpStatusCode.ServiceUnavailable, "unavailable");
        Assert.StartsWith("The database could not answer in time", detail, StringComparison.Ordinal);
        ProblemAssert.RetriesAfter(answer, 1);
        AssertAsOf(null, answer);
        Assert.Null(answer.Headers.ETag);
    }

    [Fact]
    public async Task HEAD_answers_like_GET_without_a_body()
    {
        _gateway.OnReadHistory = _ => Task.FromResult<HistoryResult>(new HistoryResult.TokenNotFound());
        foreach (var path in new[] { "/api/tokens", TokenPath, TokenPath + "/history", "/api/tokens/x" })
        {
            using var get = await Client.GetAsync(path);
            using var head = await SendAsync(HttpMethod.Head, path);

            Assert.Equal(get.StatusCode, head.StatusCode);
            Assert.Equal(get.Content.Headers.ContentLength, head.Content.Headers.ContentLength);
            Assert.Equal(get.Headers.ETag, head.Headers.ETag);
            Assert.Empty(await head.Content.ReadAsByteArrayAsync());
        }
    }

    [Fact]
    public async Task An_activation_answers_with_the_usage()
    {
        _gateway.OnActivate = _ => Task.FromResult<ActivateResult>(new ActivateResult.Granted(Running));

        using var answer = await ActivateAsync($$"""{"user_id":"{{UserId.ToUpperInvariant()}}"}""");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.ToString());
        Assert.Equal(
            $$$"""{"data":{"token_id":"{{{ScriptedCache.TokenId}}}","user_id":"{{{UserId}}}","""
            + "\"activated_at\":\"2026-01-31T12:00:00.000000Z\",\"expires_at\":\"2026-01-31T12:02:00.000000Z\","
            + $"\"usage_id\":\"{UsageId}\",\"fence\":17}}}}",
            await answer.Content.ReadAsStringAsync());
        Assert.Equal((Guid.Parse(UserId), null), _gateway.Activated);
    }

    [Fact]
    public async Task The_idempotency_key_is_the_usage_id_asked_for()
    {
        _gateway.OnActivate = _ => Task.FromResult<ActivateResult>(new ActivateResult.Granted(Running));

        using var answer = await ActivateAsync(Body, (ApiErrors.IdempotencyKeyHeader, UsageId.ToUpperInvariant()));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal((Guid.Parse(UserId), Guid.Parse(UsageId)), _gateway.Activated);
    }

    [Theory]
    [InlineData("", "must be a UUID")]
    [InlineData("17", "must be a UUID")]
    [InlineData("\"" + UsageId + "\"", "must be a UUID")]
    [InlineData("{" + UsageId + "}", "must be a UUID")]
    [InlineData(UsageId + "," + UsageId, "must be a UUID")]
    [InlineData(NilId, "must not be the nil UUID")]
    [InlineData(UsageId + "\r\nIdempotency-Key: " + UsageId, "must be sent once")]
    public async Task An_idempotency_key_that_is_not_one_UUID_is_refused(string key, string message)
    {
        var answer = await RawHttp.SendAsync(
            _host.Address,
            $"POST /api/tokens/activate HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
            + $"Content-Length: {Body.Length}\r\nIdempotency-Key: {key}\r\n\r\n{Body}");

        Assert.StartsWith("HTTP/1.1 422 ", answer, StringComparison.Ordinal);
        Assert.Contains("\"code\":\"invalid_idempotency_key\"", answer, StringComparison.Ordinal);
        Assert.Contains($"\"errors\":{{\"Idempotency-Key\":[\"{message}\"]}}", answer, StringComparison.Ordinal);
        Assert.Null(_gateway.Activated);
    }

    [Fact]
    public async Task A_user_who_holds_a_token_is_refused_another()
    {
        _gateway.OnActivate = _ => Task.FromResult<ActivateResult>(new ActivateResult.UserAlreadyActive());

        using var answer = await ActivateAsync(Body);

        await ProblemAssert.IsAsync(
            answer,
            HttpStatusCode.UnprocessableEntity,
            "user_already_active",
            "user_id",
            "already has an active token");
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1500, 2)]
    [InlineData(120_000, 120)]
    public async Task An_exhausted_pool_says_when_to_come_back(int milliseconds, int seconds)
    {
        _gateway.OnActivate = _ => Task.FromResult<ActivateResult>(
            new ActivateResult.PoolExhausted(TimeSpan.FromMilliseconds(milliseconds)));

        using var answer = await ActivateAsync(Body);

        await ProblemAssert.IsAsync(
            answer, HttpStatusCode.UnprocessableEntity, "no_tokens_available", "pool", "no tokens available");
        ProblemAssert.RetriesAfter(answer, seconds);
    }

    [Fact]
    public async Task A_used_idempotency_key_is_refused()
    {
        _gateway.OnActivate = _ => Task.FromResult<ActivateResult>(new ActivateResult.UsageIdReused());

        using var answer = await ActivateAsync(Body, (ApiErrors.IdempotencyKeyHeader, UsageId));

        await ProblemAssert.IsAsync(
            answer,
            HttpStatusCode.UnprocessableEntity,
            "idempotency_key_reused",
            "Idempotency-Key",
            "was used before");
    }

    [Theory]
    [InlineData(false, "Nothing was granted")]
    [InlineData(true, "It is not known whether a token was granted")]
    public async Task An_activation_without_an_answer_says_what_is_known(bool outcomeUnknown, string known)
    {
        _gateway.OnActivate = _ => Task.FromResult<ActivateResult>(new ActivateResult.Unavailable(outcomeUnknown));

        using var answer = await ActivateAsync(Body);

        var detail = await ProblemAssert.IsAsync(answer, HttpStatusCode.ServiceUnavailable, "unavailable");
        Assert.StartsWith(known, detail, StringComparison.Ordinal);
        Assert.Contains("the same Idempotency-Key may be sent again", detail, StringComparison.Ordinal);
        ProblemAssert.RetriesAfter(answer, 1);
    }

    [Theory]
    [MemberData(nameof(BadUserIds))]
    public async Task A_bad_user_id_is_refused_saying_what_is_wrong(string body, string message)
    {
        using var answer = await ActivateAsync(body);

        await ProblemAssert.IsAsync(
            answer, HttpStatusCode.UnprocessableEntity, "invalid_user_id", "user_id", message);
    }

    [Theory]
    [InlineData("""{"other":{"deep":[1,2]},"user_id":"2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42"}""")]
    [InlineData("""{"user_id":17,"user_id":"2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42"}""")]
    [InlineData("""{"\ud800":1,"user\u005fid":"2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42"}""")]
    [InlineData(" \r\n{\"user_id\" : \"2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42\"}\t\n")]
    public async Task Any_way_to_write_the_object_is_taken(string body)
    {
        _gateway.OnActivate = _ => Task.FromResult<ActivateResult>(new ActivateResult.Granted(Running));

        using var answer = await ActivateAsync(body);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(Guid.Parse(UserId), _gateway.Activated?.UserId);
    }

    [Theory]
    [MemberData(nameof(BodiesThatAreNotJson))]
    public async Task A_body_that_is_not_JSON_is_refused(byte[] body)
    {
        foreach (var path in new[] { "/api/tokens/activate", TokenPath + "/release" })
        {
            using var content = new ByteArrayContent(body);
            content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
            using var answer = await Client.PostAsync(path, content);

            await ProblemAssert.IsAsync(answer, HttpStatusCode.BadRequest, "malformed_json");
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("text/plain")]
    [InlineData("text/json")]
    [InlineData("application/jsonp")]
    [InlineData("application/xml")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("application/json; charset=")]
    [InlineData("application/json; charset=utf-8; charset=latin1")]
    [InlineData("nonsense")]
    public async Task Another_content_type_is_refused_before_anything_else(string? type)
    {
        foreach (var path in new[] { "/api/tokens/activate", TokenPath + "/release" })
        {
            using var answer = await PostAsync(path, new string('x', RequestBody.Limit + 1), type);

            await ProblemAssert.IsAsync(answer, HttpStatusCode.UnsupportedMediaType, "unsupported_media_type");
        }
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("Application/JSON")]
    [InlineData("application/json;charset=utf-8")]
    [InlineData("application/json; charset=UTF-8")]
    [InlineData("application/json; charset=\"utf-8\"")]
    [InlineData("application/json; version=1")]
    [InlineData("application/vnd.api+json")]
    public async Task JSON_under_any_of_its_names_is_taken(string type)
    {
        _gateway.OnActivate = _ => Task.FromResult<ActivateResult>(new ActivateResult.Granted(Running));

        using var answer = await PostAsync("/api/tokens/activate", Body, type);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task A_release_answers_with_its_time()
    {
        _gateway.OnRelease = _ => Task.FromResult<ReleaseResult>(
            new ReleaseResult.Released(ScriptedCache.TokenId, Guid.Parse(UsageId), Start));

        using var answer = await ReleaseAsync();

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(
            $$$"""{"data":{"token_id":"{{{ScriptedCache.TokenId}}}","usage_id":"{{{UsageId}}}","""
            + "\"released_at\":\"2026-01-31T12:00:00.000000Z\"}}",
            await answer.Content.ReadAsStringAsync());
        Assert.Equal((ScriptedCache.TokenId, Guid.Parse(UsageId)), _gateway.Released);
    }

    [Fact]
    public async Task A_release_of_an_unknown_token_is_not_found()
    {
        _gateway.OnRelease = _ => Task.FromResult<ReleaseResult>(new ReleaseResult.TokenNotFound());

        using var answer = await ReleaseAsync();

        await ProblemAssert.IsAsync(answer, HttpStatusCode.NotFound, "token_not_found", "token", "not found");
    }

    [Fact]
    public async Task A_release_of_another_tokens_usage_is_refused()
    {
        _gateway.OnRelease = _ => Task.FromResult<ReleaseResult>(new ReleaseResult.UsageMismatch());

        using var answer = await ReleaseAsync();

        await ProblemAssert.IsAsync(
            answer, HttpStatusCode.UnprocessableEntity, "usage_mismatch", "usage_id", "is not a usage of this token");
    }

    [Theory]
    [InlineData(EndReason.Expired, "expired", "its lease ran out")]
    [InlineData(EndReason.Cleared, "cleared", "the pool was cleared")]
    [InlineData(EndReason.Evicted, "evicted", "the token was needed for another user")]
    [InlineData(EndReason.Released, "released", "its holder released it")]
    public async Task A_release_of_an_ended_usage_says_how_and_when_it_ended(EndReason reason, string word, string why)
    {
        _gateway.OnRelease = _ => Task.FromResult<ReleaseResult>(
            new ReleaseResult.AlreadyEnded(new UsageEnd(Start, reason)));

        using var answer = await ReleaseAsync();

        var detail = await ProblemAssert.IsAsync(
            answer,
            HttpStatusCode.UnprocessableEntity,
            "usage_ended",
            "usage_id",
            $"ended at 2026-01-31T12:00:00.000000Z ({word})");
        Assert.Contains($"ended at 2026-01-31T12:00:00.000000Z because {why}", detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, "Nothing was released")]
    [InlineData(true, "It is not known whether the usage was released")]
    public async Task A_release_without_an_answer_says_what_is_known(bool outcomeUnknown, string known)
    {
        _gateway.OnRelease = _ => Task.FromResult<ReleaseResult>(new ReleaseResult.Unavailable(outcomeUnknown));

        using var answer = await ReleaseAsync();

        var detail = await ProblemAssert.IsAsync(answer, HttpStatusCode.ServiceUnavailable, "unavailable");
        Assert.StartsWith(known, detail, StringComparison.Ordinal);
        ProblemAssert.RetriesAfter(answer, 1);
    }

    [Theory]
    [MemberData(nameof(BadUsageIds))]
    public async Task A_bad_usage_id_is_refused_saying_what_is_wrong(string body, string message)
    {
        using var answer = await PostAsync(TokenPath + "/release", body, "application/json");

        await ProblemAssert.IsAsync(
            answer, HttpStatusCode.UnprocessableEntity, "invalid_usage_id", "usage_id", message);
    }

    [Theory]
    [InlineData(0, "No tokens currently require clearing")]
    [InlineData(1, "Successfully cleared all active tokens")]
    [InlineData(3, "Successfully cleared all active tokens")]
    public async Task A_clear_says_how_many_it_ended(int count, string message)
    {
        _gateway.OnClear = _ => Task.FromResult<ClearResult>(new ClearResult.Cleared(count));

        using var answer = await PostAsync("/api/tokens/clear", "ignored", "text/plain");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(
            $$$"""{"data":{"cleared_tokens":{{{count}}},"message":"{{{message}}}"}}""",
            await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_clear_without_an_answer_is_unavailable()
    {
        _gateway.OnClear = _ => Task.FromResult<ClearResult>(new ClearResult.Unavailable());

        using var answer = await Client.PostAsync("/api/tokens/clear", null);

        await ProblemAssert.IsAsync(answer, HttpStatusCode.ServiceUnavailable, "unavailable");
        ProblemAssert.RetriesAfter(answer, 1);
    }

    [Fact]
    public async Task A_history_is_paged()
    {
        var usages = new[]
        {
            Running,
            Running with { Fence = 16, End = new UsageEnd(Start.AddMinutes(2), EndReason.Expired) },
            Running with { Fence = 15, End = new UsageEnd(Start, EndReason.Cleared) },
            Running with { Fence = 14, End = new UsageEnd(Start, EndReason.Released) },
            Running with { Fence = 13, End = new UsageEnd(Start, EndReason.Evicted) },
        };
        _gateway.OnReadHistory = _ => Task.FromResult<HistoryResult>(
            new HistoryResult.Page(ScriptedCache.TokenId, usages, 17, 13));

        using var answer = await Client.GetAsync(TokenPath + "/history?limit=5&cursor=18");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        var data = json.RootElement.GetProperty("data");
        Assert.Equal(
            ["null", "\"expired\"", "\"cleared\"", "\"released\"", "\"evicted\""],
            data.GetProperty("usages").EnumerateArray().Select(u => u.GetProperty("end_reason").GetRawText()));
        Assert.Equal(
            $$"""{"user_id":"{{UserId}}","started_at":"2026-01-31T12:00:00.000000Z","""
            + $"\"ended_at\":\"2026-01-31T12:02:00.000000Z\",\"usage_id\":\"{UsageId}\",\"fence\":16,"
            + "\"end_reason\":\"expired\"}",
            data.GetProperty("usages")[1].GetRawText());
        Assert.Equal("null", data.GetProperty("usages")[0].GetProperty("ended_at").GetRawText());
        Assert.Equal("""{"total_usages":17,"next_cursor":"13"}""", data.GetProperty("meta").GetRawText());
        Assert.Equal((ScriptedCache.TokenId, 18L, 5), _gateway.Read);
    }

    [Fact]
    public async Task A_history_is_the_newest_hundred_unless_asked_otherwise()
    {
        _gateway.OnReadHistory = _ => Task.FromResult<HistoryResult>(
            new HistoryResult.Page(ScriptedCache.TokenId, [], 0, null));

        using var answer = await Client.GetAsync(TokenPath + "/history?other=1");

        Assert.Equal(
            $$$$"""{"data":{"token_id":"{{{{ScriptedCache.TokenId}}}}","usages":[],"""
            + "\"meta\":{\"total_usages\":0,\"next_cursor\":null}}}",
            await answer.Content.ReadAsStringAsync());
        Assert.Equal((ScriptedCache.TokenId, null, 100), _gateway.Read);
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=1001", "limit")]
    [InlineData("limit=-1", "limit")]
    [InlineData("limit=%2B5", "limit")]
    [InlineData("limit=+5", "limit")]
    [InlineData("limit=5%20", "limit")]
    [InlineData("limit=1.0", "limit")]
    [InlineData("limit=1e2", "limit")]
    [InlineData("limit=99999999999999999999", "limit")]
    [InlineData("limit=%D9%A5", "limit")]
    [InlineData("limit=", "limit")]
    [InlineData("limit=5&limit=5", "limit")]
    [InlineData("cursor=", "cursor")]
    [InlineData("cursor=0", "cursor")]
    [InlineData("cursor=-1", "cursor")]
    [InlineData("cursor=017", "cursor")]
    [InlineData("cursor=17x", "cursor")]
    [InlineData("cursor=9223372036854775808", "cursor")]
    [InlineData("cursor=1&cursor=2", "cursor")]
    public async Task A_parameter_out_of_range_is_refused_by_name(string query, string name)
    {
        using var answer = await Client.GetAsync($"{TokenPath}/history?{query}");

        await ProblemAssert.IsAsync(
            answer,
            HttpStatusCode.UnprocessableEntity,
            "invalid_parameter",
            name,
            name == "limit" ? "must be a whole number from 1 to 1000" : "must be the next_cursor of an earlier answer");
        Assert.Null(_gateway.Read);
    }

    [Theory]
    [InlineData("limit=1", 1)]
    [InlineData("limit=1000", 1000)]
    [InlineData("limit=0010&cursor=9223372036854775807", 10)]
    public async Task A_parameter_at_its_bounds_is_taken(string query, int limit)
    {
        _gateway.OnReadHistory = _ => Task.FromResult<HistoryResult>(
            new HistoryResult.Page(ScriptedCache.TokenId, [], 0, null));

        using var answer = await Client.GetAsync($"{TokenPath}/history?{query}");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(limit, _gateway.Read?.Limit);
    }

    [Fact]
    public async Task The_history_of_an_unknown_token_is_not_found()
    {
        _gateway.OnReadHistory = _ => Task.FromResult<HistoryResult>(new HistoryResult.TokenNotFound());

        using var answer = await Client.GetAsync($"/api/tokens/{NilId}/history");

        await ProblemAssert.IsAsync(answer, HttpStatusCode.NotFound, "token_not_found", "token", "not found");
    }

    [Fact]
    public async Task A_history_that_the_database_cannot_give_is_unavailable()
    {
        _gateway.OnReadHistory = _ => Task.FromResult<HistoryResult>(new HistoryResult.Unavailable());

        using var answer = await Client.GetAsync(TokenPath + "/history");

        await ProblemAssert.IsAsync(answer, HttpStatusCode.ServiceUnavailable, "unavailable");
        ProblemAssert.RetriesAfter(answer, 1);
    }

    private Task<HttpResponseMessage> ActivateAsync(string body, params (string, string)[] headers) =>
        PostAsync("/api/tokens/activate", body, "application/json", headers);

    private Task<HttpResponseMessage> ReleaseAsync() =>
        PostAsync(TokenPath + "/release", $$"""{"usage_id":"{{UsageId}}"}""", "application/json");

    private async Task<HttpResponseMessage> PostAsync(
        string path, string body, string? type, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        if (type is not null) request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        return await Client.SendAsync(request);
    }

    private static void AssertAsOf(string? expected, HttpResponseMessage answer)
    {
        Assert.Equal(expected is not null, answer.Headers.TryGetValues("Token-As-Of", out var values));
        if (expected is not null) Assert.Equal(expected, Assert.Single(values!));
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path);
        foreach (var (name, value) in headers) Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        return await Client.SendAsync(request);
    }
}
