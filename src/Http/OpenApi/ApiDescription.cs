using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace TokenManager.Http.OpenApi;

/// <summary>
/// Builds the OpenAPI document from the routes' <see cref="Operation"/> metadata and the catalogue of errors, so
/// that it can name nothing that the service does not do.
/// </summary>
internal static class ApiDescription
{
    public static void Configure(OpenApiOptions options)
    {
        // HEAD is said in the description of each GET; as an operation of its own it would only repeat it.
        options.ShouldInclude = route => !HttpMethods.IsHead(route.HttpMethod!);
        options.AddDocumentTransformer(DescribeDocument);
        options.AddOperationTransformer(DescribeOperationAsync);
        options.AddSchemaTransformer(DescribeValue);
    }

    private static Task DescribeDocument(
        OpenApiDocument document, OpenApiDocumentTransformerContext context, CancellationToken cancellationToken)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Token Manager",
            Version = typeof(ApiDescription).Assembly.GetName().Version!.ToString(3),
            Description =
                "Lends the tokens of a pool, each to at most one user for a fixed lease. Timestamps are RFC 3339 in "
                + "UTC. Errors are application/problem+json: decide by `code`, show `detail`.",
            License = new OpenApiLicense { Name = "Apache-2.0" },
        };
        document.Tags = new HashSet<OpenApiTag>
        {
            new() { Name = "Tokens", Description = "The pool and its tokens." },
        };
        return Task.CompletedTask;
    }

    private static async Task DescribeOperationAsync(
        OpenApiOperation document, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var operation = context.Description.ActionDescriptor.EndpointMetadata.OfType<Operation>().Single();
        document.OperationId = operation.Name;
        document.Parameters = [.. operation.Parameters];
        if (operation.Request is { } request)
        {
            document.RequestBody = new OpenApiRequestBody
            {
                Description = request.Description,
                Required = true,
                Content = await ContentAsync(Answer.ContentType, request, context, cancellationToken),
            };
        }

        var responses = new OpenApiResponses
        {
            ["200"] = await DescribeSuccessAsync(operation, context, cancellationToken),
        };
        if (operation.HasEntityTag)
        {
            responses["304"] = new OpenApiResponse
            {
                Description = "An answer named in If-None-Match still holds.",
                Headers = HeadersOf(operation),
            };
        }

        var errors = operation.Errors.Concat(Operations.ErrorsOfAny).GroupBy(error => error.Status);
        foreach (var group in errors.OrderBy(group => group.Key))
        {
            responses[group.Key.ToString(CultureInfo.InvariantCulture)] =
                await DescribeErrorsAsync(operation, [.. group], context, cancellationToken);
        }

        document.Responses = responses;
    }

    private static async Task<OpenApiResponse> DescribeSuccessAsync(
        Operation operation,
        OpenApiOperationTransformerContext context,
        CancellationToken cancellationToken)
    {
        var response = new OpenApiResponse
        {
            Description = operation.Response.Description,
            Headers = HeadersOf(operation),
        };
        response.Content = await ContentAsync(Answer.ContentType, operation.Response, context, cancellationToken);
        return response;
    }

    private static async Task<OpenApiResponse> DescribeErrorsAsync(
        Operation operation,
        IReadOnlyList<ApiError> errors,
        OpenApiOperationTransformerContext context,
        CancellationToken cancellationToken)
    {
        var response = new OpenApiResponse
        {
            Description = string.Join(" ", errors.Select(error => $"`{error.Code}`: {error.Title}.")),
            Headers = HeadersOf(operation, errors),
        };

        response.Content = new Dictionary<string, OpenApiMediaType>
        {
            [ApiError.ContentType] = new()
            {
                Schema = await SchemaAsync(typeof(ErrorResponse), context, cancellationToken),
                Examples = errors.ToDictionary(
                    error => error.Code,
                    IOpenApiExample (error) => new OpenApiExample
                    {
                        Summary = error.Title,
                        Value = JsonNode.Parse(error.Render(operation.ExamplePath).Span),
                    }),
            },
        };
        return response;
    }

    private static Dictionary<string, IOpenApiHeader>? HeadersOf(Operation operation)
    {
        var headers = new Dictionary<string, IOpenApiHeader>();
        if (operation.HasEntityTag)
            headers.Add("ETag", EntityTag());
        if (operation.HasAsOf)
            headers.Add(TokenEndpoints.TokenAsOfHeader, AsOf());
        return headers.Count > 0 ? headers : null;
    }

    private static Dictionary<string, IOpenApiHeader>? HeadersOf(Operation operation, IReadOnlyList<ApiError> errors)
    {
        if (operation.HasAsOf && errors.Contains(ApiErrors.TokenNotFound))
            return new Dictionary<string, IOpenApiHeader> { [TokenEndpoints.TokenAsOfHeader] = AsOf() };

        if (errors.Any(error => error.RetryAfterSeconds is not null))
        {
            return new Dictionary<string, IOpenApiHeader>
            {
                ["Retry-After"] = new OpenApiHeader
                {
                    Description = "Whole seconds to wait, with "
                        + string.Join(", ", errors.Where(e => e.RetryAfterSeconds is not null).Select(e => e.Code))
                        + ".",
                    Schema = new OpenApiSchema { Type = JsonSchemaType.Integer, Minimum = "1" },
                },
            };
        }

        if (errors.Contains(ApiErrors.MethodNotAllowed))
        {
            return new Dictionary<string, IOpenApiHeader>
            {
                ["Allow"] = new OpenApiHeader
                {
                    Description = "The methods that the path has.",
                    Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                },
            };
        }

        return null;
    }

    private static OpenApiHeader EntityTag() => new()
    {
        Description = "A strong validator of exactly these bytes.",
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
    };

    private static OpenApiHeader AsOf() => new()
    {
        Description =
            "By the database's clock, the moment as of which the answer is true at least: when this node was last "
            + "proven current against the pool, or when consistency=strong read the database.",
        Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "date-time" },
    };

    private static async Task<Dictionary<string, OpenApiMediaType>> ContentAsync(
        string type,
        Operation.Body body,
        OpenApiOperationTransformerContext context,
        CancellationToken cancellationToken) => new()
        {
            [type] = new OpenApiMediaType
            {
                Schema = await SchemaAsync(body.Type, context, cancellationToken),
                Example = body.Example(),
            },
        };

    /// <summary>A reference to the schema of a contract record, which is added to the components once.</summary>
    private static async Task<IOpenApiSchema> SchemaAsync(
        Type type, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var document = context.Document!;
        if (document.Components?.Schemas?.ContainsKey(type.Name) != true)
        {
            var schema = await context.GetOrCreateSchemaAsync(type, null, cancellationToken);
            document.AddComponent(type.Name, schema);
        }

        return new OpenApiSchemaReference(type.Name, document);
    }

    /// <summary>
    /// The generator cannot see through our own converter; it gives enumerations no type, and lets null into the
    /// words of one that is nullable somewhere, though every place that refers to it says so itself.
    /// </summary>
    private static Task DescribeValue(
        OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellationToken)
    {
        var type = context.JsonTypeInfo.Type;
        if (type == typeof(DateTimeOffset) || type == typeof(DateTimeOffset?))
        {
            schema.Type = type == typeof(DateTimeOffset)
                ? JsonSchemaType.String
                : JsonSchemaType.String | JsonSchemaType.Null;
            schema.Format = "date-time";
        }
        else if ((Nullable.GetUnderlyingType(type) ?? type).IsEnum && schema.Enum is { } words)
        {
            schema.Type = JsonSchemaType.String;
            schema.Enum = [.. words.Where(word => word is not null && !word.IsJsonNullSentinel())];
        }

        return Task.CompletedTask;
    }
}
