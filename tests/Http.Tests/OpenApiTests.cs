using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using TokenManager.Http.OpenApi;

namespace TokenManager.Http.Tests;

public sealed class OpenApiTests : IAsyncLifetime
{
    private ApiHost _host = null!;
    private JsonDocument _document = null!;

    public async Task InitializeAsync()
    {
        _host = await ApiHost.StartWithPoolAsync(1);
        _document = JsonDocument.Parse(await _host.Client.GetStringAsync("/openapi/v1.json"));
    }

    public async Task DisposeAsync()
    {
        _document.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public void Every_route_and_method_of_the_API_is_described_and_no_other_but_HEAD()
    {
        var mapped = _host.Endpoints
            .Where(endpoint => endpoint.Metadata.GetMetadata<Operation>() is not null)
            .SelectMany(endpoint => endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods
                .Where(method => method != "HEAD")
                .Select(method => $"{method} {endpoint.RoutePattern.RawText!.TrimEnd('/')}"));

        Assert.Equal(mapped.Order(), AllOperations().Select(o => $"{o.Method.ToUpperInvariant()} {o.Path}").Order());
    }

    [Fact]
    public void Every_operation_has_a_name_a_summary_a_description_and_an_answer()
    {
        foreach (var (_, _, operation) in AllOperations())
        {
            Assert.NotEmpty(operation.GetProperty("summary").GetString()!);
            Assert.NotEmpty(operation.GetProperty("description").GetString()!);
            Assert.True(operation.GetProperty("responses").TryGetProperty("200", out _));
        }

        var names = AllOperations().Select(o => o.Operation.GetProperty("operationId").GetString()).ToList();
        Assert.Equal(names.Distinct().Count(), names.Count);
    }

    [Fact]
    public void Every_error_of_the_catalogue_is_described_and_no_other()
    {
        var described = AllExamplesOfErrors().Select(example => example.Code).Distinct();

        Assert.Equal(ApiErrors.All.Select(error => error.Code).Order(), described.Order());
    }

    [Fact]
    public void Every_example_of_an_error_stands_under_its_own_status_and_code()
    {
        foreach (var (status, code, example) in AllExamplesOfErrors())
        {
            var error = example.Deserialize(ContractJson.Default.ErrorResponse)!;

            Assert.Equal(code, error.Code);
            Assert.Equal(status, error.Status.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
    }

    [Fact]
    public void Every_error_that_asks_to_wait_documents_the_header()
    {
        foreach (var (_, _, operation) in AllOperations())
        {
            foreach (var response in operation.GetProperty("responses").EnumerateObject().Where(r => r.Name == "503"))
                Assert.True(response.Value.GetProperty("headers").TryGetProperty("Retry-After", out _));
        }

        var full = Responses("/api/tokens/activate", "post").GetProperty("422");
        Assert.True(full.GetProperty("headers").TryGetProperty("Retry-After", out _));
    }

    [Theory]
    [InlineData("/api/tokens", "get", "status", "query", """{"enum":["active","available"],"type":"string"}""")]
    [InlineData(
        "/api/tokens",
        "get",
        "consistency",
        "query",
        """{"enum":["eventual","strong"],"type":"string","default":"eventual"}""")]
    [InlineData(
        "/api/tokens/{id}",
        "get",
        "consistency",
        "query",
        """{"enum":["eventual","strong"],"type":"string","default":"eventual"}""")]
    [InlineData("/api/tokens", "get", "If-None-Match", "header", """{"type":"string"}""")]
    [InlineData(
        "/api/tokens/{id}/history",
        "get",
        "limit",
        "query",
        """{"maximum":1000,"minimum":1,"type":"integer","default":100}""")]
    [InlineData("/api/tokens/{id}/history", "get", "cursor", "query", """{"type":"string"}""")]
    [InlineData(
        "/api/tokens/{id}/release",
        "post",
        "id",
        "path",
        """{"maxLength":36,"minLength":36,"type":"string","format":"uuid"}""")]
    [InlineData(
        "/api/tokens/activate",
        "post",
        "Idempotency-Key",
        "header",
        """{"maxLength":36,"minLength":36,"type":"string","format":"uuid"}""")]
    public void Every_parameter_is_described(string path, string method, string name, string place, string schema)
    {
        var parameter = Operation(path, method).GetProperty("parameters").EnumerateArray()
            .Single(p => p.GetProperty("name").GetString() == name);

        Assert.Equal(place, parameter.GetProperty("in").GetString());
        Assert.Equal(
            schema,
            JsonSerializer.Serialize(parameter.GetProperty("schema")));
    }

    [Fact]
    public void The_list_documents_its_entity_tag_and_304()
    {
        var responses = Responses("/api/tokens", "get");

        Assert.True(responses.GetProperty("200").GetProperty("headers").TryGetProperty("ETag", out _));
        Assert.True(responses.GetProperty("304").GetProperty("headers").TryGetProperty("ETag", out _));
    }

    [Theory]
    [InlineData("/api/tokens", "200")]
    [InlineData("/api/tokens", "304")]
    [InlineData("/api/tokens/{id}", "200")]
    [InlineData("/api/tokens/{id}", "404")]
    public void Reads_document_as_of_when_they_are_true(string path, string status)
    {
        var header = Responses(path, "get").GetProperty(status).GetProperty("headers").GetProperty("Token-As-Of");

        Assert.Equal("""{"type":"string","format":"date-time"}""", Text(header.GetProperty("schema")));
    }

    [Fact]
    public void Every_member_is_required_and_in_snake_case()
    {
        var schemas = _document.RootElement.GetProperty("components").GetProperty("schemas").EnumerateObject()
            .Where(schema => schema.Value.TryGetProperty("properties", out _))
            .ToList();

        Assert.NotEmpty(schemas);
        foreach (var schema in schemas)
        {
            var members = schema.Value.GetProperty("properties").EnumerateObject().Select(p => p.Name).ToList();
            var required = schema.Value.GetProperty("required").EnumerateArray().Select(p => p.GetString()!);

            Assert.Equal(members.Order(), required.Order());
            Assert.All(members, member => Assert.Matches("^[a-z]+(_[a-z]+)*$", member));
        }
    }

    [Fact]
    public void Times_and_words_have_their_types()
    {
        var schemas = _document.RootElement.GetProperty("components").GetProperty("schemas");
        var listed = schemas.GetProperty("ListedToken").GetProperty("properties");

        Assert.Equal("""{"type":["null","string"],"format":"date-time"}""", Text(listed.GetProperty("expires_at")));
        Assert.Equal(
            """{"enum":["active","available"],"type":"string"}""", Text(schemas.GetProperty("TokenStatus")));
        Assert.Equal(
            """{"enum":["expired","cleared","released","evicted"],"type":"string"}""",
            Text(schemas.GetProperty("UsageEndReason")));
    }

    private static string Text(JsonElement element) => JsonSerializer.Serialize(element);

    private JsonElement Operation(string path, string method) =>
        _document.RootElement.GetProperty("paths").GetProperty(path).GetProperty(method);

    private JsonElement Responses(string path, string method) => Operation(path, method).GetProperty("responses");

    private IEnumerable<(string Path, string Method, JsonElement Operation)> AllOperations() =>
        from path in _document.RootElement.GetProperty("paths").EnumerateObject()
        from operation in path.Value.EnumerateObject()
        select (path.Name, operation.Name, operation.Value);

    private IEnumerable<(string Status, string Code, JsonElement Example)> AllExamplesOfErrors() =>
        from operation in AllOperations()
        where operation.Method != "head"
        from response in operation.Operation.GetProperty("responses").EnumerateObject()
        where response.Name[0] is '4' or '5'
        from example in response.Value.GetProperty("content").GetProperty("application/problem+json")
            .GetProperty("examples").EnumerateObject()
        select (response.Name, example.Name, example.Value.GetProperty("value"));
}
