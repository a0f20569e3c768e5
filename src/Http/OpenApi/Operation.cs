using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.OpenApi;

namespace TokenManager.Http.OpenApi;

/// <summary>What the OpenAPI document says of one route. The route carries it as metadata.</summary>
internal sealed record Operation
{
    public required string Name { get; init; }

    public required string Summary { get; init; }

    public required string Description { get; init; }

    public required Body Response { get; init; }

    /// <summary>Every error this operation gives; those of any request at all are added to it.</summary>
    public required IReadOnlyList<ApiError> Errors { get; init; }

    /// <summary>A path that is an example of this route, for the examples of its errors.</summary>
    public required string ExamplePath { get; init; }

    public Body? Request { get; init; }

    public IReadOnlyList<OpenApiParameter> Parameters { get; init; } = [];

    /// <summary>True if the answer has an entity tag, and 304 is an answer too.</summary>
    public bool HasEntityTag { get; init; }

    /// <summary>True if its answers, and that there is no such token, say as of when they are true.</summary>
    public bool HasAsOf { get; init; }

    /// <summary>The answer when its time is over.</summary>
    public ApiError TimedOut { get; init; } = ApiErrors.Unavailable;

    /// <summary>A body of the contract, with an example.</summary>
    public sealed record Body(Type Type, Func<JsonNode> Example, string Description);
}

internal static class OperationExtensions
{
    public static RouteHandlerBuilder Describe(this RouteHandlerBuilder route, Operation operation) => route
        .WithMetadata(operation)
        .WithSummary(operation.Summary)
        .WithDescription(operation.Description)
        .WithTags("Tokens")
        .Produces(StatusCodes.Status200OK, operation.Response.Type, Answer.ContentType);
}
