using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace TokenManager.Http;

/// <summary>Successful answers. Each may be stored, but never used again without asking.</summary>
internal static class Answer
{
    public const string ContentType = "application/json";

    private const string AskAgain = "no-cache";

    /// <summary>An answer that is made for one request.</summary>
    public static IResult Of<T>(T value, JsonTypeInfo<T> type) => new Serialized<T>(value, type);

    /// <summary>Sends prepared bytes as they are.</summary>
    public static Task WriteAsync(HttpContext context, ReadOnlyMemory<byte> body)
    {
        var response = context.Response;
        response.ContentType = ContentType;
        response.ContentLength = body.Length;
        response.Headers.CacheControl = AskAgain;
        response.Headers.XContentTypeOptions = "nosniff";
        return response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    public static Task NotModified(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status304NotModified;
        context.Response.Headers.CacheControl = AskAgain;
        return Task.CompletedTask;
    }

    private sealed class Serialized<T>(T value, JsonTypeInfo<T> type) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) =>
            WriteAsync(httpContext, JsonSerializer.SerializeToUtf8Bytes(value, type));
    }
}
