using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;

namespace TokenManager.Testing;

/// <summary>What came back, if anything did.</summary>
/// <param name="Status">Null: the connection broke before an answer.</param>
/// <param name="Body">Null without an answer, or when it is not JSON.</param>
/// <param name="Took">How long the caller waited.</param>
internal sealed record Reply(HttpStatusCode? Status, JsonElement? Body, TimeSpan Took)
{
    public string? Code => Body is { } body && body.TryGetProperty("code", out var code) ? code.GetString() : null;

    public JsonElement Data => Body!.Value.GetProperty("data");

    public Grant Grant => new(
        Data.GetProperty("usage_id").GetGuid(),
        Data.GetProperty("token_id").GetGuid(),
        Data.GetProperty("user_id").GetGuid(),
        Data.GetProperty("fence").GetInt64(),
        Api.Microseconds(Data.GetProperty("activated_at")),
        Api.Microseconds(Data.GetProperty("expires_at")));

    public string Word => Status is null ? "none" : $"{(int)Status}{(Code is null ? "" : " " + Code)}";

    public override string ToString() => $"{Word} after {Took.TotalSeconds:0.000} s: {Body}";
}

/// <summary>A token in a node's list.</summary>
internal sealed record Listed(Guid TokenId, Guid? UserId, long? Started, long? Expires);

/// <summary>The HTTP contract as its clients see it.</summary>
internal static class Api
{
    public static Task<Reply> ActivateAsync(this HttpClient client, Guid user, Guid? key = null) => SendAsync(
        client,
        new HttpRequestMessage(HttpMethod.Post, "/api/tokens/activate")
        {
            Content = JsonContent.Create(new { user_id = user }),
            Headers = { { "Idempotency-Key", (key ?? Guid.NewGuid()).ToString() } },
        });

    public static Task<Reply> ActivateAsync(this NodeProcess node, Guid user, Guid? key = null) =>
        node.Client.ActivateAsync(user, key);

    public static Task<Reply> ReleaseAsync(this HttpClient client, Guid token, Guid usage) => SendAsync(
        client,
        new HttpRequestMessage(HttpMethod.Post, $"/api/tokens/{token}/release")
        {
            Content = JsonContent.Create(new { usage_id = usage }),
        });

    public static Task<Reply> ReleaseAsync(this NodeProcess node, Guid token, Guid usage) =>
        node.Client.ReleaseAsync(token, usage);

    public static Task<Reply> ClearAsync(this HttpClient client) =>
        SendAsync(client, new HttpRequestMessage(HttpMethod.Post, "/api/tokens/clear"));

    public static Task<Reply> ClearAsync(this NodeProcess node) => node.Client.ClearAsync();

    public static Task<Reply> ReadAsync(this HttpClient client, string path) =>
        SendAsync(client, new HttpRequestMessage(HttpMethod.Get, path));

    public static Task<Reply> GetAsync(this NodeProcess node, string path) => node.Client.ReadAsync(path);

    public static async Task<IReadOnlyList<Listed>> ListAsync(this NodeProcess node)
    {
        var reply = await node.GetAsync("/api/tokens");
        Assert.True(reply.Status is HttpStatusCode.OK, $"{reply}\n{node.Tail()}");
        return
        [
            .. reply.Data.EnumerateArray().Select(token => new Listed(
                token.GetProperty("id").GetGuid(),
                token.GetProperty("current_user_id") is { ValueKind: JsonValueKind.String } user ? user.GetGuid() : null,
                token.GetProperty("activated_at") is { ValueKind: JsonValueKind.String } started ? Microseconds(started) : null,
                token.GetProperty("expires_at") is { ValueKind: JsonValueKind.String } expires ? Microseconds(expires) : null)),
        ];
    }

    /// <summary>The whole history of a token, page by page, newest first.</summary>
    public static async Task<IReadOnlyList<Row>> HistoryAsync(this NodeProcess node, Guid token)
    {
        var rows = new List<Row>();
        string? cursor = null;
        do
        {
            var reply = await node.GetAsync($"/api/tokens/{token}/history?limit=1000{(cursor is null ? "" : "&cursor=" + cursor)}");
            Assert.True(reply.Status is HttpStatusCode.OK, $"{reply}\n{node.Tail()}");
            foreach (var usage in reply.Data.GetProperty("usages").EnumerateArray())
            {
                var started = Microseconds(usage.GetProperty("started_at"));
                var ended = usage.GetProperty("ended_at");
                rows.Add(new Row(
                    usage.GetProperty("usage_id").GetGuid(),
                    token,
                    usage.GetProperty("user_id").GetGuid(),
                    usage.GetProperty("fence").GetInt64(),
                    started,
                    0,
                    ended.ValueKind is JsonValueKind.Null ? null : Microseconds(ended),
                    usage.GetProperty("end_reason").GetString()));
            }

            cursor = reply.Data.GetProperty("meta").GetProperty("next_cursor").GetString();
        }
        while (cursor is not null);
        return rows;
    }

    public static long Microseconds(JsonElement time) => Microseconds(DateTimeOffset.Parse(
        time.GetString()!, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal));

    public static long Microseconds(DateTimeOffset time) =>
        (time - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    public static long Micro(TimeSpan span) => span.Ticks / TimeSpan.TicksPerMicrosecond;

    private static async Task<Reply> SendAsync(HttpClient client, HttpRequestMessage request)
    {
        var started = Stopwatch.GetTimestamp();
        using (request)
        {
            try
            {
                using var response = await client.SendAsync(request);
                return new Reply(response.StatusCode, await BodyAsync(response), Stopwatch.GetElapsedTime(started));
            }
            // Broken, perhaps at the very moment when it was there, or, where the client has a limit of its own, given up.
            catch (Exception failure) when (failure is HttpRequestException or IOException or SocketException or OperationCanceledException)
            {
                return new Reply(null, null, Stopwatch.GetElapsedTime(started));
            }
        }
    }

    private static async Task<JsonElement?> BodyAsync(HttpResponseMessage response)
    {
        // A load balancer answers for itself with a page.
        if (response.Content.Headers.ContentType?.MediaType?.EndsWith("json", StringComparison.Ordinal) is not true) return null;

        try
        {
            return await response.Content.ReadFromJsonAsync<JsonElement>();
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
