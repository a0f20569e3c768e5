using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace TokenManager.Http;

/// <summary>A value, or the error to answer with instead.</summary>
internal readonly record struct Checked<T>(T Value, ApiError? Error)
{
    public static implicit operator Checked<T>(ApiError error) => new(default!, error);

    public static implicit operator Checked<T>(T value) => new(value, null);
}

/// <summary>
/// Reads small bodies by hand: the order of the checks and the limit are part of the contract, and model binding
/// knows neither.
/// </summary>
internal static class RequestBody
{
    public const int Limit = 16 * 1024;

    /// <summary>Reads <c>{"field": "uuid"}</c>. Of a repeated member the last one counts; others are ignored.</summary>
    /// <param name="request">Whose body is read.</param>
    /// <param name="field">The member.</param>
    /// <param name="invalid">The kind of error if the member is not a UUID, or nil.</param>
    /// <param name="cancellationToken">Stops reading.</param>
    public static async ValueTask<Checked<Guid>> ReadUuidAsync(
        HttpRequest request, string field, ApiError invalid, CancellationToken cancellationToken)
    {
        if (!IsJson(request.Headers.ContentType)) return ApiErrors.UnsupportedMediaType;
        if (request.ContentLength > Limit) return ApiErrors.BodyTooLarge;

        var buffer = ArrayPool<byte>.Shared.Rent((int)(request.ContentLength ?? Limit) + 1);
        try
        {
            var length = 0;
            while (await ReadAsync(request, buffer.AsMemory(length), cancellationToken) is > 0 and var read)
            {
                length += read;
                if (length > Limit) return ApiErrors.BodyTooLarge;
            }

            return ParseUuid(buffer.AsMemory(0, length), field, invalid);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads a body that nobody looks at to its end; an error if it is over the limit.</summary>
    public static async ValueTask<ApiError?> IgnoreAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.ContentLength > Limit) return ApiErrors.BodyTooLarge;

        var buffer = ArrayPool<byte>.Shared.Rent(1024);
        try
        {
            var length = 0;
            while (await ReadAsync(request, buffer, cancellationToken) is > 0 and var read)
            {
                length += read;
                if (length > Limit) return ApiErrors.BodyTooLarge;
            }

            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // The server has exceptions of its own for broken framing, but lets a chunk size that overflows out as a plain one.
    private static async ValueTask<int> ReadAsync(
        HttpRequest request, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await request.Body.ReadAsync(buffer, cancellationToken);
        }
        catch (IOException broken) when (broken.InnerException is OverflowException)
        {
            throw new BadHttpRequestException(broken.Message, broken);
        }
    }

    private static bool IsJson(StringValues contentType)
    {
        if (contentType.Count != 1 || !MediaTypeHeaderValue.TryParse(contentType[0], out var type)) return false;
        if (!type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            && !(type.Type.Equals("application", StringComparison.OrdinalIgnoreCase)
                && type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase)))
            return false;

        foreach (var parameter in type.Parameters)
        {
            if (parameter.Name.Equals("charset", StringComparison.OrdinalIgnoreCase)
                && !HeaderUtilities.RemoveQuotes(parameter.Value).Equals("utf-8", StringComparison.OrdinalIgnoreCase))
                return false;
        }

        return true;
    }

    private static Checked<Guid> ParseUuid(ReadOnlyMemory<byte> body, string field, ApiError invalid)
    {
        // The parser itself looks at the encoding of a string only when the string is read.
        if (!Utf8.IsValid(body.Span)) return ApiErrors.MalformedJson;
        try
        {
            using var json = JsonDocument.Parse(body);
            if (json.RootElement.ValueKind != JsonValueKind.Object) return ApiErrors.NotAnObject(invalid, field);
            if (Find(json.RootElement, field) is not { } value)
                return ApiErrors.InvalidField(invalid, field, "is missing");
            if (value.ValueKind != JsonValueKind.String)
                return ApiErrors.InvalidField(invalid, field, "must be a string");
            if (!StrictUuid.TryParse(Text(value), out var uuid))
                return ApiErrors.InvalidField(invalid, field, ApiErrors.MustBeUuid);
            if (uuid == Guid.Empty)
                return ApiErrors.InvalidField(invalid, field, "must not be the nil UUID");
            return uuid;
        }
        catch (JsonException)
        {
            return ApiErrors.MalformedJson;
        }
    }

    private static JsonElement? Find(JsonElement body, string field)
    {
        JsonElement? found = null;
        foreach (var member in body.EnumerateObject())
        {
            if (IsNamed(member, field)) found = member.Value;
        }

        return found;
    }

    private static bool IsNamed(JsonProperty member, string field)
    {
        try
        {
            return member.NameEquals(field);
        }
        catch (InvalidOperationException)
        {
            // An escaped lone surrogate: grammatical JSON, but no name at all.
            return false;
        }
    }

    private static string? Text(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            // An escaped lone surrogate: grammatical JSON, but no text at all.
            return null;
        }
    }
}
