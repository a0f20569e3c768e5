using System.Buffers;
using System.Text;
using System.Text.Json;
using TokenManager.Actors;
using TokenManager.Actors.Cache;

namespace TokenManager.Http;

/// <summary>Writes the list and the details of <see cref="ListResponse"/> and <see cref="DetailsResponse"/>.</summary>
internal sealed class JsonTokenRenderer : ITokenRenderer
{
    private const int TypicalSize = 512;

    private static readonly JsonEncodedText Data = JsonEncodedText.Encode("data");
    private static readonly JsonEncodedText Id = JsonEncodedText.Encode("id");
    private static readonly JsonEncodedText Status = JsonEncodedText.Encode("status");
    private static readonly JsonEncodedText Active = JsonEncodedText.Encode("active");
    private static readonly JsonEncodedText Available = JsonEncodedText.Encode("available");
    private static readonly JsonEncodedText CurrentUserId = JsonEncodedText.Encode("current_user_id");
    private static readonly JsonEncodedText ActivatedAt = JsonEncodedText.Encode("activated_at");
    private static readonly JsonEncodedText ExpiresAt = JsonEncodedText.Encode("expires_at");
    private static readonly JsonEncodedText ActiveUsage = JsonEncodedText.Encode("active_usage");
    private static readonly JsonEncodedText UserId = JsonEncodedText.Encode("user_id");
    private static readonly JsonEncodedText StartedAt = JsonEncodedText.Encode("started_at");
    private static readonly JsonEncodedText EndedAt = JsonEncodedText.Encode("ended_at");

    public ReadOnlySpan<byte> ListStart => """{"data":["""u8;

    public ReadOnlySpan<byte> ListSeparator => ","u8;

    public byte[] Details(TokenView token) => Render(token, static (json, token) =>
    {
        json.WriteStartObject();
        json.WriteStartObject(Data);
        WriteWhoAndSince(json, token);
        if (token.Current is { } usage)
        {
            json.WriteStartObject(ActiveUsage);
            json.WriteString(UserId, usage.UserId);
            WriteTime(json, StartedAt, usage.StartedAt);
            json.WriteNull(EndedAt);
            WriteTime(json, ExpiresAt, usage.ExpiresAt);
            json.WriteEndObject();
        }
        else
        {
            json.WriteNull(ActiveUsage);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    });

    public byte[] ListItem(TokenView token) => Render(token, static (json, token) =>
    {
        json.WriteStartObject();
        WriteWhoAndSince(json, token);
        if (token.Current is { } usage)
            WriteTime(json, ExpiresAt, usage.ExpiresAt);
        else
            json.WriteNull(ExpiresAt);
        json.WriteEndObject();
    });

    public byte[] ListEnd(int total, int active) => Encoding.UTF8.GetBytes(
        $$$"""],"meta":{"total_count":{{{total}}},"active_count":{{{active}}},"available_count":{{{total - active}}}}}""");

    public string AsOf(DateTimeOffset moment) => Timestamps.ToText(moment);

    private static void WriteWhoAndSince(Utf8JsonWriter json, TokenView token)
    {
        json.WriteString(Id, token.TokenId);
        if (token.Current is { } usage)
        {
            json.WriteString(Status, Active);
            json.WriteString(CurrentUserId, usage.UserId);
            WriteTime(json, ActivatedAt, usage.StartedAt);
        }
        else
        {
            json.WriteString(Status, Available);
            json.WriteNull(CurrentUserId);
            json.WriteNull(ActivatedAt);
        }
    }

    private static void WriteTime(Utf8JsonWriter json, JsonEncodedText name, DateTimeOffset time)
    {
        json.WritePropertyName(name);
        Timestamps.Write(json, time);
    }

    private static byte[] Render(TokenView token, Action<Utf8JsonWriter, TokenView> write)
    {
        var buffer = new ArrayBufferWriter<byte>(TypicalSize);
        using (var json = new Utf8JsonWriter(buffer)) write(json, token);
        return buffer.WrittenSpan.ToArray();
    }
}
