using System.Net;
using System.Text;
using System.Text.Json;
using TokenManager.Testing;

namespace TokenManager.Service.Tests;

/// <summary>A token that was lent.</summary>
public sealed record Grant(
    Guid TokenId, Guid UserId, Guid UsageId, long Fence, DateTimeOffset ActivatedAt, DateTimeOffset ExpiresAt);

/// <summary>An entry of a history.</summary>
public sealed record PastUsage(
    Guid TokenId,
    Guid UserId,
    Guid UsageId,
    long Fence,
    DateTimeOffset StartedAt,
    DateTimeOffset? EndedAt,
    string? EndReason);

/// <summary>What the service answered.</summary>
public sealed record Answer(HttpStatusCode Status, string Body, TimeSpan? RetryAfter)
{
    /// <summary>The <c>data</c> of a 200.</summary>
    public JsonElement Data
    {
        get
        {
            Assert.True(Status is HttpStatusCode.OK, $"{(int)Status}: {Body}");
            return Parse().GetProperty("data");
        }
    }

    /// <summary>The <c>code</c> of an error; null for a success.</summary>
    public string? Code => Status is HttpStatusCode.OK ? null : Parse().GetProperty("code").GetString();

    public Grant ToGrant() => new(
        Data.GetProperty("token_id").GetGuid(),
        Data.GetProperty("user_id").GetGuid(),
        Data.GetProperty("usage_id").GetGuid(),
        Data.GetProperty("fence").GetInt64(),
        Data.GetProperty("activated_at").GetDateTimeOffset(),
        Data.GetProperty("expires_at").GetDateTimeOffset());

    public JsonElement Parse()
    {
        using var json = JsonDocument.Parse(Body);
        return json.RootElement.Clone();
    }

    public void AssertRefused(string code)
    {
        Assert.True(
            Status is HttpStatusCode.UnprocessableEntity && Code == code, $"{(int)Status} instead of {code}: {Body}");
    }
}

/// <summary>Speaks to a node as its clients do.</summary>
public sealed class Caller(NodeProcess node)
{
    public Task<Answer> TryActivateAsync(Guid userId, Guid? key = null) =>
        SendAsync(HttpMethod.Post, "/api/tokens/activate", $$"""{"user_id":"{{userId}}"}""", key);

    public async Task<Grant> ActivateAsync(Guid userId, Guid? key = null) => (await TryActivateAsync(userId, key)).ToGrant();

    public Task<Answer> TryReleaseAsync(Guid tokenId, Guid usageId) =>
        SendAsync(HttpMethod.Post, $"/api/tokens/{tokenId}/release", $$"""{"usage_id":"{{usageId}}"}""");

    public async Task ReleaseAsync(Grant grant) => _ = (await TryReleaseAsync(grant.TokenId, grant.UsageId)).Data;

    public async Task<int> ClearAsync() => (await TryClearAsync()).Data.GetProperty("cleared_tokens").GetInt32();

    public Task<Answer> TryClearAsync() => SendAsync(HttpMethod.Post, "/api/tokens/clear");

    public Task<Answer> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    /// <summary>The list's bytes.</summary>
    public async Task<string> ListTextAsync() => (await GetAsync("/api/tokens")).Body;

    public async Task<Guid[]> TokensAsync() =>
        [.. (await GetAsync("/api/tokens")).Data.EnumerateArray().Select(token => token.GetProperty("id").GetGuid())];

    /// <summary>Who holds each token that is active, as the list says.</summary>
    public async Task<Dictionary<Guid, Guid>> HoldersAsync() =>
        (await GetAsync("/api/tokens?status=active")).Data.EnumerateArray().ToDictionary(
            token => token.GetProperty("id").GetGuid(), token => token.GetProperty("current_user_id").GetGuid());

    public async Task<int> ActiveCountAsync() =>
        (await GetAsync("/api/tokens")).Parse().GetProperty("meta").GetProperty("active_count").GetInt32();

    /// <summary>Who holds the token, as its details say.</summary>
    public async Task<Guid?> HolderAsync(Guid tokenId)
    {
        var holder = (await GetAsync($"/api/tokens/{tokenId}")).Data.GetProperty("current_user_id");
        return holder.ValueKind is JsonValueKind.Null ? null : holder.GetGuid();
    }

    /// <summary>Every usage of a token, newest first.</summary>
    public async Task<List<PastUsage>> HistoryAsync(Guid tokenId)
    {
        var usages = new List<PastUsage>();
        for (string? cursor = ""; cursor is not null;)
        {
            var data = (await GetAsync($"/api/tokens/{tokenId}/history?limit=1000{cursor}")).Data;
            usages.AddRange(data.GetProperty("usages").EnumerateArray().Select(usage => new PastUsage(
                tokenId,
                usage.GetProperty("user_id").GetGuid(),
                usage.GetProperty("usage_id").GetGuid(),
                usage.GetProperty("fence").GetInt64(),
                usage.GetProperty("started_at").GetDateTimeOffset(),
                usage.GetProperty("ended_at") is { ValueKind: JsonValueKind.String } ended ? ended.GetDateTimeOffset() : null,
                usage.GetProperty("end_reason").GetString())));
            cursor = data.GetProperty("meta").GetProperty("next_cursor").GetString() is { } next ? $"&cursor={next}" : null;
        }

        return usages;
    }

    /// <summary>Every row of the ledger whose token is in the pool.</summary>
    public async Task<List<PastUsage>> LedgerAsync() =>
        [.. (await Task.WhenAll((await TokensAsync()).Select(HistoryAsync))).SelectMany(usages => usages)];

    private async Task<Answer> SendAsync(HttpMethod method, string path, string? json = null, Guid? key = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (json is not null) request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        if (key is { } value) request.Headers.Add("Idempotency-Key", value.ToString());
        using var answer = await node.Client.SendAsync(request);
        return new Answer(answer.StatusCode, await answer.Content.ReadAsStringAsync(), answer.Headers.RetryAfter?.Delta);
    }
}
