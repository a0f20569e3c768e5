using System.Reflection;
using System.Text.Json;

namespace TokenManager.Http.Tests;

public sealed class ApiErrorsTests
{
    public static TheoryData<string> Codes => [.. ApiErrors.All.Select(error => error.Code)];

    [Fact]
    public void Every_error_of_the_catalogue_is_listed_once()
    {
        var fields = typeof(ApiErrors).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(field => field.FieldType == typeof(ApiError))
            .Select(field => ((ApiError)field.GetValue(null)!).Code)
            .Distinct();

        Assert.Equal(fields.Order(), ApiErrors.All.Select(error => error.Code).Order());
    }

    [Theory]
    [MemberData(nameof(Codes))]
    public void Every_error_says_in_one_sentence_what_to_do(string code)
    {
        var error = ApiErrors.All.Single(error => error.Code == code);

        Assert.EndsWith(".", error.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain(". ", error.Detail, StringComparison.Ordinal);
        Assert.Contains(": ", error.Detail, StringComparison.Ordinal);
        Assert.InRange(error.Status, 400, 599);
    }

    [Theory]
    [MemberData(nameof(Codes))]
    public void Every_error_is_rendered_as_it_is_documented(string code)
    {
        var error = ApiErrors.All.Single(error => error.Code == code);
        var body = error.Render("/somewhere").Span;

        var record = JsonSerializer.Deserialize(body, ContractJson.Default.ErrorResponse)!;

        Assert.Equal(
            JsonSerializer.SerializeToUtf8Bytes(record, ContractJson.Default.ErrorResponse), body.ToArray());
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(0, 1)]
    [InlineData(0.4, 1)]
    [InlineData(1, 1)]
    [InlineData(1.001, 2)]
    [InlineData(119.5, 120)]
    [InlineData(900_000_000_000, int.MaxValue)]
    public void The_time_to_wait_is_rounded_up_to_whole_seconds(double seconds, int expected) =>
        Assert.Equal(expected, ApiErrors.PoolExhausted(TimeSpan.FromSeconds(seconds)).RetryAfterSeconds);
}
