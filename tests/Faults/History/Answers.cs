using System.Net;
using System.Text.Json;
using TokenManager.Testing;

namespace TokenManager.Faults.History;

/// <summary>Reads answers, and trusts none of them.</summary>
internal static class Answers
{
    /// <summary>What an answer says; <paramref name="good"/> reads a 200.</summary>
    public static Answer Of(Reply reply, Func<Reply, Answer> good)
    {
        try
        {
            return reply.Status switch
            {
                null => new Answer.Nothing(),
                HttpStatusCode.OK => good(reply),
                HttpStatusCode.UnprocessableEntity or HttpStatusCode.NotFound when reply.Code is { } code => new Answer.Refused(code),
                HttpStatusCode.ServiceUnavailable when reply.Code is "unavailable" => new Answer.Unavailable(MayHaveHappened(reply)),
                _ => new Answer.Broken(reply.ToString()),
            };
        }
        catch (Exception failure) when (failure is KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException or NullReferenceException)
        {
            return new Answer.Broken($"{reply}: {failure.Message}");
        }
    }

    public static Answer Granted(Reply reply) => new Answer.Granted(reply.Grant);

    public static Answer Released(Reply reply) =>
        new Answer.Released(reply.Data.GetProperty("usage_id").GetGuid(), Api.Microseconds(reply.Data.GetProperty("released_at")));

    public static Answer Cleared(Reply reply) => new Answer.Cleared(reply.Data.GetProperty("cleared_tokens").GetInt32());

    /// <summary>The list, whose figures must be those of its tokens.</summary>
    public static Answer List(Reply reply)
    {
        var tokens = Tokens(reply.Data);
        var meta = reply.Body!.Value.GetProperty("meta");
        var active = tokens.Count(token => token.UserId is not null);
        return (Count("total_count"), Count("active_count"), Count("available_count")) == (tokens.Count, active, tokens.Count - active)
            ? new Answer.Shown(tokens)
            : new Answer.Broken($"the list has {tokens.Count} tokens, {active} of them lent, and says {meta}");

        int Count(string name) => meta.GetProperty(name).GetInt32();
    }

    public static Answer Details(Reply reply) => new Answer.Shown([Token(reply.Data)]);

    public static Answer History(Reply reply)
    {
        var token = reply.Data.GetProperty("token_id").GetGuid();
        return new Answer.Past(
        [
            .. reply.Data.GetProperty("usages").EnumerateArray().Select(usage => new Row(
                usage.GetProperty("usage_id").GetGuid(),
                token,
                usage.GetProperty("user_id").GetGuid(),
                usage.GetProperty("fence").GetInt64(),
                Api.Microseconds(usage.GetProperty("started_at")),
                0,
                Time(usage.GetProperty("ended_at")),
                usage.GetProperty("end_reason").GetString())),
        ]);
    }

    public static Answer Figures(JsonElement pool) => new Answer.Figures(
        pool.GetProperty("total").GetInt32(),
        pool.GetProperty("free").GetInt32(),
        pool.GetProperty("active").GetInt32(),
        pool.GetProperty("reserved").GetInt32(),
        pool.GetProperty("in_flight").GetInt32());

    /// <summary>The tokens of a list.</summary>
    public static IReadOnlyList<Listed> Tokens(JsonElement data) =>
    [
        .. data.EnumerateArray().Select(token => new Listed(
            token.GetProperty("id").GetGuid(),
            User(token.GetProperty("current_user_id")),
            Time(token.GetProperty("activated_at")),
            Time(token.GetProperty("expires_at")))),
    ];

    /// <summary>The token of a details answer.</summary>
    public static Listed Token(JsonElement data)
    {
        var usage = data.GetProperty("active_usage");
        return new Listed(
            data.GetProperty("id").GetGuid(),
            User(data.GetProperty("current_user_id")),
            Time(data.GetProperty("activated_at")),
            usage.ValueKind is JsonValueKind.Null ? null : Time(usage.GetProperty("expires_at")));
    }

    // The sentences are the product's promise to whoever got a 503.
    private static bool MayHaveHappened(Reply reply) =>
        !reply.Body!.Value.GetProperty("detail").GetString()!.StartsWith("Nothing was", StringComparison.Ordinal);

    private static Guid? User(JsonElement user) => user.ValueKind is JsonValueKind.Null ? null : user.GetGuid();

    private static long? Time(JsonElement time) => time.ValueKind is JsonValueKind.Null ? null : Api.Microseconds(time);
}
