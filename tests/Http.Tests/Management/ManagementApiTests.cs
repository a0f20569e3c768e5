using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TokenManager.Actors;
using TokenManager.Actors.Management;
using TokenManager.Http.Management;

namespace TokenManager.Http.Tests.Management;

public sealed class ManagementApiTests : IAsyncLifetime, IDisposable
{
    private static readonly TimeSpan InTime = TimeSpan.FromSeconds(20);
    private static readonly Uri Events = new("/cluster/domain-events", UriKind.Relative);

    private readonly ScriptedManagement _management = new();
    private WebApplication _app = null!;
    private HttpClient _client = null!;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddManagementApi()
            .AddSingleton<IClusterManagement>(_management)
            .AddSingleton<ITokenManagement>(_management);
        _app = builder.Build();
        _app.UseManagementApi();
        _app.MapManagementApi();
        await _app.StartAsync();
        _client = new HttpClient { BaseAddress = new Uri(_app.Urls.Single()) };
    }

    public async Task DisposeAsync() => await _app.DisposeAsync();

    public void Dispose() => _client.Dispose();

    [Fact]
    public Task Members_are_listed_in_the_shape_that_cluster_tools_know() => AnswersAsync(
        HttpMethod.Get,
        "/cluster/members",
        $$"""
        {"selfNode":"{{ScriptedManagement.First}}","members":[{"node":"{{ScriptedManagement.First}}","nodeUid":"17","status":"Up","roles":["pool"],"appVersion":"0.1.0"},{"node":"{{ScriptedManagement.Second}}","nodeUid":"-18","status":"Joining","roles":[],"appVersion":"0.2.0"}],"unreachable":[{"node":"{{ScriptedManagement.Second}}","observedBy":["{{ScriptedManagement.First}}"]}],"leader":"{{ScriptedManagement.First}}","oldest":null}
        """);

    [Theory]
    [InlineData("10.0.0.2:4053")]
    [InlineData("akka.tcp://token-manager@10.0.0.2:4053")]
    [InlineData("akka.tcp:%2F%2Ftoken-manager@10.0.0.2:4053")]
    [InlineData("akka.tcp%3a%2f%2ftoken-manager%4010.0.0.2%3a4053")]
    public async Task A_member_is_named_by_its_address_in_any_form(string address)
    {
        await AnswersAsync(
            HttpMethod.Get,
            $"/cluster/members/{address}",
            $$"""{"node":"{{ScriptedManagement.Second}}","nodeUid":"-18","status":"Joining","roles":[],"appVersion":"0.2.0"}""");
        await AnswersAsync(
            HttpMethod.Delete, $"/cluster/members/{address}", $$"""{"message":"Leaving {{ScriptedManagement.Second}}"}""");
        Assert.Equal([$"leave {ScriptedManagement.Second}"], _management.Told);
    }

    [Theory]
    [InlineData("leave", "Leaving")]
    [InlineData("Leave", "Leaving")]
    [InlineData("down", "Downing")]
    [InlineData("DOWN", "Downing")]
    public async Task A_member_is_told_to_leave_or_taken_for_dead(string operation, string message)
    {
        await AnswersAsync(
            HttpMethod.Put,
            $"/cluster/members/{ScriptedManagement.First}",
            $$"""{"message":"{{message}} {{ScriptedManagement.First}}"}""",
            Form(operation));
        Assert.Equal([$"{operation.ToLowerInvariant()} {ScriptedManagement.First}"], _management.Told);
    }

    [Fact]
    public async Task Any_other_operation_is_refused_and_nobody_is_told()
    {
        HttpContent?[] bodies =
        [
            null,
            Form("join"),
            Form(""),
            new FormUrlEncodedContent([]),
            new FormUrlEncodedContent([new("operation", "leave"), new("operation", "down")]),
            new StringContent("""{"operation":"leave"}""", Encoding.UTF8, "application/json"),
            new StringContent("not a form at all", Encoding.UTF8, "multipart/form-data"),
        ];
        foreach (var body in bodies)
        {
            using var answer = await SendAsync(HttpMethod.Put, $"/cluster/members/{ScriptedManagement.First}", body);
            await ProblemAssert.IsAsync(
                answer, HttpStatusCode.BadRequest, "invalid_operation", "operation", "must be leave or down");
        }

        Assert.Empty(_management.Told);
    }

    [Fact]
    public async Task An_unknown_member_is_not_found()
    {
        const string unknown = "/cluster/members/10.0.0.3:4053";
        foreach (var (method, path, body) in new (HttpMethod, string, HttpContent?)[]
        {
            (HttpMethod.Get, unknown, null),
            (HttpMethod.Delete, unknown, null),
            (HttpMethod.Put, unknown, Form("leave")),
            (HttpMethod.Put, unknown, Form("down")),
            (HttpMethod.Delete, "/cluster/members", null),
            (HttpMethod.Put, "/cluster/members/", Form("down")),
        })
        {
            using var answer = await SendAsync(method, path, body);
            await ProblemAssert.IsAsync(answer, HttpStatusCode.NotFound, "member_not_found", "address", "not found");
        }
    }

    [Fact]
    public async Task Shards_are_listed_by_type()
    {
        await AnswersAsync(HttpMethod.Get, "/cluster/shards", """{"entityTypeKeys":["token"]}""");
        await AnswersAsync(HttpMethod.Get, "/cluster/shards/token", """{"regions":[{"shardId":"7","numEntities":2}]}""");
        using var unknown = await SendAsync(HttpMethod.Get, "/cluster/shards/tokens");
        await ProblemAssert.IsAsync(unknown, HttpStatusCode.NotFound, "shard_type_not_found", "name", "not found");
        _management.Shards = new ShardsResult.Unavailable();
        using var late = await SendAsync(HttpMethod.Get, "/cluster/shards/token");
        await ProblemAssert.IsAsync(late, HttpStatusCode.ServiceUnavailable, "unavailable");
    }

    [Fact]
    public async Task Domain_events_are_sent_as_they_happen()
    {
        using var answer = await _client.GetAsync(Events, HttpCompletionOption.ResponseHeadersRead).WaitAsync(InTime);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.ToString());
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync());
        _management.Changes.Writer.TryWrite(
            new ClusterChange("MemberUp", new MemberView("a", "1", "Up", [], "1.0"), Leader: null));
        _management.Changes.Writer.TryWrite(new ClusterChange("LeaderChanged", Member: null, "a"));

        Assert.Equal("event: MemberUp", await lines.ReadLineAsync().WaitAsync(InTime));
        Assert.Equal(
            """data: {"type":"MemberUp","member":{"node":"a","nodeUid":"1","status":"Up","roles":[],"appVersion":"1.0"},"leader":null}""",
            await lines.ReadLineAsync().WaitAsync(InTime));
        Assert.Equal("", await lines.ReadLineAsync().WaitAsync(InTime));
        Assert.Equal("event: LeaderChanged", await lines.ReadLineAsync().WaitAsync(InTime));
        Assert.Equal("""data: {"type":"LeaderChanged","member":null,"leader":"a"}""", await lines.ReadLineAsync().WaitAsync(InTime));
    }

    [Fact]
    public async Task The_events_end_when_their_reader_goes()
    {
        using (await _client.GetAsync(Events, HttpCompletionOption.ResponseHeadersRead).WaitAsync(InTime))
            Assert.False(_management.WatchEnded.Task.IsCompleted);

        await _management.WatchEnded.Task.WaitAsync(InTime);
    }

    [Fact]
    public async Task The_events_end_in_order_when_the_node_stops()
    {
        using var answer = await _client.GetAsync(Events, HttpCompletionOption.ResponseHeadersRead).WaitAsync(InTime);
        await using var body = await answer.Content.ReadAsStreamAsync();

        var stopped = _app.StopAsync();

        Assert.Equal(0, await body.ReadAsync(new byte[1]).AsTask().WaitAsync(InTime));
        await stopped.WaitAsync(InTime);
    }

    [Fact]
    public async Task The_pool_is_shown_in_figures()
    {
        _management.Status = new PoolStatus(7, 3, 2, 2, 5, TimeSpan.FromMilliseconds(61_500))
        {
            InFlight = 4,
            RebuiltAt = new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero),
            Node = "a",
        };
        await AnswersAsync(
            HttpMethod.Get,
            "/pool",
            """{"total":7,"free":3,"active":2,"reserved":2,"in_flight":4,"waiting":5,"next_release":61.5,"rebuilt_at":"2026-01-31T12:00:00.000000Z","node":"a"}""");

        _management.Status = new PoolStatus(0, 0, 0, 0, 0, NextRelease: null);
        await AnswersAsync(
            HttpMethod.Get,
            "/pool",
            """{"total":0,"free":0,"active":0,"reserved":0,"in_flight":0,"waiting":0,"next_release":null,"rebuilt_at":null,"node":null}""");

        _management.Status = null;
        using var answer = await SendAsync(HttpMethod.Get, "/pool");
        await ProblemAssert.IsAsync(answer, HttpStatusCode.ServiceUnavailable, "unavailable");
        ProblemAssert.RetriesAfter(answer, 1);
    }

    [Fact]
    public async Task A_token_is_shown_with_its_usage()
    {
        var path = $"/tokens/{ScriptedManagement.TokenId}";
        using var missing = await SendAsync(HttpMethod.Get, path);
        await ProblemAssert.IsAsync(missing, HttpStatusCode.NotFound, "token_not_found", "token", "not found");
        using var wrong = await SendAsync(HttpMethod.Get, "/tokens/7");
        await ProblemAssert.IsAsync(wrong, HttpStatusCode.UnprocessableEntity, "invalid_token_id", "token_id", "must be a UUID");
        _management.Token = new TokenResult.NotPrimed();
        using var early = await SendAsync(HttpMethod.Get, path);
        await ProblemAssert.IsAsync(early, HttpStatusCode.ServiceUnavailable, "unavailable");

        _management.Token = new TokenResult.Found(new TokenView(ScriptedManagement.TokenId, 3, 9, Current: null));
        await AnswersAsync(
            HttpMethod.Get,
            path,
            $$"""{"id":"{{ScriptedManagement.TokenId}}","ordinal":3,"status":"available","fence":9,"usage_id":null,"current_user_id":null,"activated_at":null,"expires_at":null}""");

        var (usage, user) = (Guid.Parse("019c137f-8c7f-7b34-ad92-19c18b3e2a71"), Guid.Parse("2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42"));
        var start = new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
        _management.Token = new TokenResult.Found(new TokenView(
            ScriptedManagement.TokenId,
            3,
            10,
            new Usage(usage, ScriptedManagement.TokenId, user, 10, start, start.AddMinutes(2), End: null)));
        await AnswersAsync(
            HttpMethod.Get,
            path,
            $$"""{"id":"{{ScriptedManagement.TokenId}}","ordinal":3,"status":"active","fence":10,"usage_id":"{{usage}}","current_user_id":"{{user}}","activated_at":"2026-01-31T12:00:00.000000Z","expires_at":"2026-01-31T12:02:00.000000Z"}""");
    }

    [Fact]
    public async Task A_clear_says_how_many_it_ended()
    {
        await AnswersAsync(
            HttpMethod.Post, "/tokens/clear", """{"cleared_tokens":0,"message":"No tokens currently require clearing"}""");
        _management.Clear = new ClearResult.Cleared(3);
        await AnswersAsync(
            HttpMethod.Post, "/tokens/clear", """{"cleared_tokens":3,"message":"Successfully cleared all active tokens"}""");
        _management.Clear = new ClearResult.Unavailable();
        using var answer = await SendAsync(HttpMethod.Post, "/tokens/clear");
        await ProblemAssert.IsAsync(answer, HttpStatusCode.ServiceUnavailable, "unavailable");
    }

    [Theory]
    [InlineData("GET", "/", 404, "not_found")]
    [InlineData("GET", "/api/tokens", 404, "not_found")]
    [InlineData("POST", "/api/tokens/activate", 404, "not_found")]
    [InlineData("GET", "/health/live", 404, "not_found")]
    [InlineData("GET", "/docs", 404, "not_found")]
    [InlineData("POST", "/cluster/members", 405, "method_not_allowed")]
    [InlineData("POST", "/cluster/members/10.0.0.1:4053", 405, "method_not_allowed")]
    [InlineData("DELETE", "/pool", 405, "method_not_allowed")]
    [InlineData("GET", "/tokens/clear", 405, "method_not_allowed")]
    public async Task What_is_not_there_is_a_problem_too(string method, string path, int status, string code)
    {
        using var answer = await SendAsync(new HttpMethod(method), path);
        var detail = await ProblemAssert.IsAsync(answer, (HttpStatusCode)status, code);
        Assert.DoesNotContain("/docs", detail, StringComparison.Ordinal);
    }

    private static FormUrlEncodedContent Form(string operation) => new([new("operation", operation)]);

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body };
        return await _client.SendAsync(request).WaitAsync(InTime);
    }

    private async Task AnswersAsync(HttpMethod method, string path, string expected, HttpContent? body = null)
    {
        using var answer = await SendAsync(method, path, body);
        Assert.Equal((HttpStatusCode.OK, expected), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.ToString());
    }
}
