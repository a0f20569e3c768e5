using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace TokenManager.Http;

/// <summary>One error answer, RFC 9457. Code, status and title come from the catalogue, <see cref="ApiErrors"/>.</summary>
/// <param name="Code">Stable and machine-readable.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Title">The same for every occurrence.</param>
/// <param name="Detail">One sentence that tells the caller what to do next.</param>
internal sealed record ApiError(string Code, int Status, string Title, string Detail) : IResult
{
    public const string ContentType = "application/problem+json";

    private const int TypicalSize = 512;

    public string Type => $"urn:token-manager:error:{Code}";

    /// <summary>What is wrong with which field, parameter or header; null when there is nothing to name.</summary>
    public FieldError? Named { get; init; }

    public int? RetryAfterSeconds { get; init; }

    /// <summary>The methods that the route does have. Routing sets the header itself on most routes.</summary>
    public string? Allow { get; init; }

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        var body = Render(httpContext.Request.PathBase.Add(httpContext.Request.Path).ToUriComponent());

        response.StatusCode = Status;
        response.ContentType = ContentType;
        response.ContentLength = body.Length;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        if (RetryAfterSeconds is { } seconds)
            response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        if (Allow is not null)
            response.Headers.Allow = Allow;
        // Not with RequestAborted: when the answer is that time is over, that token is cancelled already.
        await response.Body.WriteAsync(body, CancellationToken.None);
    }

    /// <summary>The body, for a request of this path.</summary>
    public ReadOnlyMemory<byte> Render(string instance)
    {
        var buffer = new ArrayBufferWriter<byte>(TypicalSize);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteString("type"u8, Type);
        json.WriteString("title"u8, Title);
        json.WriteNumber("status"u8, Status);
        json.WriteString("detail"u8, Detail);
        json.WriteString("instance"u8, instance);
        json.WriteString("code"u8, Code);
        json.WriteStartObject("errors"u8);
        if (Named is { } named)
        {
            json.WriteStartArray(named.Field);
            json.WriteStringValue(named.Message);
            json.WriteEndArray();
        }

        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }
}

/// <summary>A field, query parameter or header, and what is wrong with it.</summary>
internal sealed record FieldError(string Field, string Message);
