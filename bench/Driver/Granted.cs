using System.Text;
using System.Text.Json;

namespace TokenManager.Bench.Driver;

/// <summary>What an activation was answered.</summary>
internal readonly record struct Granted(Guid TokenId, Guid UserId, Guid UsageId, long Fence)
{
    private const int Ok = 200;

    /// <exception cref="WrongAnswerException">It is no grant of this usage to this user.</exception>
    public static Granted Read(HttpAnswer answer, Guid user, Guid usage)
    {
        var granted = answer.Status == Ok ? Parse(answer.Body) : default;
        return granted.UserId == user && granted.UsageId == usage && granted.TokenId != Guid.Empty && granted.Fence > 0
            ? granted
            : throw new WrongAnswerException(
                $"Usage {usage} for user {user} was answered {answer.Status}: {Encoding.UTF8.GetString(answer.Body)}");
    }

    private static Granted Parse(ReadOnlySpan<byte> body)
    {
        var granted = default(Granted);
        var json = new Utf8JsonReader(body);
        while (json.Read())
        {
            if (json.TokenType is not JsonTokenType.PropertyName) continue;

            if (json.ValueTextEquals("token_id"u8)) granted = granted with { TokenId = NextId(ref json) };
            else if (json.ValueTextEquals("user_id"u8)) granted = granted with { UserId = NextId(ref json) };
            else if (json.ValueTextEquals("usage_id"u8)) granted = granted with { UsageId = NextId(ref json) };
            else if (json.ValueTextEquals("fence"u8) && json.Read()) granted = granted with { Fence = json.GetInt64() };
        }

        return granted;
    }

    private static Guid NextId(ref Utf8JsonReader json)
    {
        json.Read();
        return json.GetGuid();
    }
}
