using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TokenManager.Actors;
using TokenManager.Contract;

namespace TokenManager.Http.Tests;

public sealed class ErrorMiddlewareTests : IAsyncLifetime, IDisposable
{
    private const string Json = """{"user_id":"2f1f6c5e-8d0b-4c39-9a51-0e6b8f7d3a42"}""";

    private static readonly string TokenPath = $"/api/tokens/{ScriptedCache.TokenId}";

    private readonly ScriptedGateway _gateway = new();
    private readonly RecordingLogs _logs = new();
    private ApiHost _host = null!;

    public static TheoryData<string, string, string> WrongMethods
    {
        get
        {
            var data = new TheoryData<string, string, string>();
            foreach (var method in new[] { "POST", "PUT", "PATCH", "DELETE", "OPTIONS" })
            {
                data.Add(method, "/api/tokens", "GET, HEAD");
                data.Add(method, TokenPath, "GET, HEAD");
                data.Add(method, TokenPath + "/history", "GET, HEAD");
            }

            foreach (var method in new[] { "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW" })
            {
                data.Add(method, "/api/tokens/activate", "POST");
                data.Add(method, "/api/tokens/activate/", "POST");
                data.Add(method, "/api/tokens/clear", "POST");
                data.Add(method, TokenPath + "/release", "POST");
            }

            return data;
        }
    }

    public async Task InitializeAsync() => _host = await ApiHost.StartAsync(
        _gateway,
        new ScriptedCache(),
        services =>
        {
            services.AddLogging(logging => logging.AddProvider(_logs));
            services.Configure<RequestTimeoutOptions>(options => options
                .AddPolicy(TimeLimit.Policy, TimeLimit.For(TimeSpan.FromMilliseconds(100)))
                .AddPolicy(TimeLimit.ClearPolicy, TimeLimit.For(TimeSpan.FromMilliseconds(100))));
        },
        MapOddRoutes);

    public async Task DisposeAsync() => await _host.DisposeAsync();

    public void Dispose() => _logs.Dispose();

    [Theory]
    [MemberData(nameof(WrongMethods))]
    public async Task A_wrong_method_is_told_the_right_ones(string method, string path, string allow)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var answer = await _host.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal(allow, string.Join(", ", answer.Content.Headers.Allow));
        if (method != "HEAD") await ProblemAssert.IsAsync(answer, HttpStatusCode.MethodNotAllowed, "method_not_allowed");
    }

    [Theory]
    [InlineData("GET", "/api")]
    [InlineData("GET", "/api/token")]
    [InlineData("GET", "/api/tokens/8c1d7a52-4e0f-4b6a-9a3d-5f2e8b7c6d10/usages")]
    [InlineData("POST", "/api/tokens/activate/now")]
    [InlineData("DELETE", "/nothing")]
    [InlineData("GET", "/openapi/v2.json")]
    public async Task An_unknown_route_is_not_found(string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var answer = await _host.Client.SendAsync(request);

        await ProblemAssert.IsAsync(answer, HttpStatusCode.NotFound, "not_found");
    }

    [Fact]
    public async Task A_defect_is_logged_once_and_not_described()
    {
        using var answer = await _host.Client.PostAsync("/api/tokens/clear", null);

        await ProblemAssert.IsAsync(answer, HttpStatusCode.InternalServerError, "internal_error");
        Assert.DoesNotContain("Secret", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(["POST /api/tokens/clear failed."], _logs.Errors);
    }

    [Fact]
    public async Task A_defect_after_the_answer_began_cuts_it_off()
    {
        await Assert.ThrowsAsync<HttpRequestException>(() => _host.Client.GetStringAsync("/odd/half"));
        Assert.Equal(["GET /odd/half failed."], _logs.Errors);
    }

    [Fact]
    public async Task An_answer_that_was_begun_before_a_defect_leaves_no_header_behind()
    {
        using var answer = await _host.Client.GetAsync("/odd/headers");

        await ProblemAssert.IsAsync(answer, HttpStatusCode.InternalServerError, "internal_error");
        Assert.Null(answer.Headers.ETag);
    }

    [Theory]
    [InlineData(400, "malformed_request")]
    [InlineData(408, "request_timeout")]
    [InlineData(413, "body_too_large")]
    [InlineData(431, "malformed_request")]
    public async Task What_the_server_itself_refuses_has_a_body_of_ours(int status, string code)
    {
        using var answer = await _host.Client.GetAsync($"/odd/bad/{status}");

        Assert.Contains($"\"code\":\"{code}\"", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Empty(_logs.Errors);
    }

    [Fact]
    public async Task An_answer_with_a_body_of_its_own_is_left_alone()
    {
        using var answer = await _host.Client.GetAsync("/odd/unhealthy");

        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal("Unhealthy", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task An_activation_that_takes_too_long_has_an_unknown_outcome()
    {
        _gateway.OnActivate = Never<ActivateResult>;

        using var content = new StringContent(Json, Encoding.UTF8, "application/json");
        using var answer = await _host.Client.PostAsync("/api/tokens/activate", content);

        var detail = await ProblemAssert.IsAsync(answer, HttpStatusCode.ServiceUnavailable, "unavailable");
        Assert.Equal(ApiErrors.ActivationUnavailable(outcomeUnknown: true).Detail, detail);
        ProblemAssert.RetriesAfter(answer, 1);
        Assert.Empty(_logs.Errors);
    }

    [Fact]
    public async Task Whatever_else_takes_too_long_is_unavailable_too()
    {
        _gateway.OnClear = Never<ClearResult>;
        _gateway.OnReadHistory = Never<HistoryResult>;

        using var clear = await _host.Client.PostAsync("/api/tokens/clear", null);
        using var history = await _host.Client.GetAsync(TokenPath + "/history");

        Assert.Equal(
            ApiErrors.ClearUnavailable.Detail,
            await ProblemAssert.IsAsync(clear, HttpStatusCode.ServiceUnavailable, "unavailable"));
        await ProblemAssert.IsAsync(history, HttpStatusCode.ServiceUnavailable, "unavailable");
    }

    [Fact]
    public async Task A_body_that_does_not_come_is_not_waited_for()
    {
        var answer = await RawHttp.SendAsync(
            _host.Address,
            "POST /api/tokens/activate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + "Content-Length: 100\r\n\r\n{");

        Assert.StartsWith("HTTP/1.1 503 ", answer, StringComparison.Ordinal);
        Assert.Null(_gateway.Activated);
    }

    [Fact]
    public async Task A_caller_who_leaves_is_not_a_defect()
    {
        var asked = new TaskCompletionSource();
        var left = new TaskCompletionSource();
        _gateway.OnClear = async cancellationToken =>
        {
            asked.SetResult();
            await using var registration = cancellationToken.Register(left.SetResult);
            await left.Task;
            throw new InvalidOperationException("Nobody is there.");
        };

        using (var socket = new TcpClient())
        {
            await socket.ConnectAsync(_host.Address.Host, _host.Address.Port);
            await socket.GetStream().WriteAsync(
                "POST /api/tokens/clear HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"u8.ToArray());
            await asked.Task;
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        }

        await left.Task;
        await _host.DisposeAsync();
        Assert.Empty(_logs.Errors);
    }

    private static async Task<T> Never<T>(CancellationToken cancellationToken)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        throw new InvalidOperationException();
    }

    private static void MapOddRoutes(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/odd/half", async (HttpContext context) =>
        {
            context.Response.ContentLength = 100;
            await context.Response.WriteAsync("half");
            await context.Response.Body.FlushAsync();
            throw new InvalidOperationException();
        });
        endpoints.MapGet("/odd/headers", (HttpContext context) =>
        {
            context.Response.Headers.ETag = "\"x\"";
            throw new InvalidOperationException();
        });
        endpoints.MapGet("/odd/bad/{status:int}", IResult (int status) =>
            throw new BadHttpRequestException("Secret.", status));
        endpoints.MapGet("/odd/unhealthy", () => Results.Text("Unhealthy", statusCode: 503));
    }

    private sealed class RecordingLogs : ILoggerProvider, ILogger
    {
        private readonly Lock _lock = new();
        private readonly List<string> _errors = [];

        public IReadOnlyList<string> Errors
        {
            get
            {
                lock (_lock) return [.. _errors];
            }
        }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel)) return;
            lock (_lock) _errors.Add(formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }
}
