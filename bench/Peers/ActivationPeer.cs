using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection;

namespace TokenManager.Bench.Peers;

/// <summary>A minimal API over a store, in the shape of ours: what a good engineer would write without actors.</summary>
internal static class ActivationPeer
{
    public static Task RunAsync(IActivationStore store)
    {
        var builder = PeerServer.NewBuilder();
        builder.Services.ConfigureHttpJsonOptions(options =>
        {
            options.SerializerOptions.TypeInfoResolverChain.Insert(0, PeerJson.Default);
            options.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        });
        var app = builder.Build();
        app.MapPost("/api/tokens/activate", ActivateAsync);
        app.MapPost("/api/tokens/clear", (CancellationToken stop) => store.ClearAsync(stop));
        return PeerServer.RunAsync(app);

        async Task<IResult> ActivateAsync(
            ActivateBody body, [FromHeader(Name = "Idempotency-Key")] Guid usage, HttpContext context) =>
            await store.ActivateAsync(body.UserId, usage, context.RequestAborted) switch
            {
                PeerAnswer.Granted granted => Ok(body.UserId, usage, granted),
                PeerAnswer.UserAlreadyActive => TypedResults.Text("user_already_active", statusCode: StatusCodes.Status422UnprocessableEntity),
                PeerAnswer.PoolExhausted => TypedResults.Text("no_tokens_available", statusCode: StatusCodes.Status422UnprocessableEntity),
                var answer => throw new UnreachableException($"There is no answer {answer}."),
            };
    }

    private static Json Ok(Guid user, Guid usage, PeerAnswer.Granted granted) => new(JsonSerializer.SerializeToUtf8Bytes(
        new ActivateAnswer(new Activation(granted.TokenId, user, granted.StartedAt, granted.ExpiresAt, usage, granted.Fence)),
        PeerJson.Default.ActivateAnswer));

    // With a length instead of chunks, as our node's answers are.
    private sealed class Json(byte[] body) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.ContentType = "application/json";
            httpContext.Response.ContentLength = body.Length;
            return httpContext.Response.BodyWriter.WriteAsync(body).AsTask();
        }
    }
}

internal sealed record ActivateBody(Guid UserId);

internal sealed record ActivateAnswer(Activation Data);

internal sealed record Activation(Guid TokenId, Guid UserId, DateTime ActivatedAt, DateTime ExpiresAt, Guid UsageId, long Fence);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ActivateBody))]
[JsonSerializable(typeof(ActivateAnswer))]
internal sealed partial class PeerJson : JsonSerializerContext;
