using System.Net;
using System.Text.Json;

namespace TokenManager.Http.Tests;

internal static class ProblemAssert
{
    /// <summary>Checks everything that every error must have, and gives its detail.</summary>
    public static async Task<string> IsAsync(
        HttpResponseMessage answer, HttpStatusCode status, string code, string? field = null, string? message = null)
    {
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(status == answer.StatusCode, $"{answer.StatusCode}: {text}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.ToString());
        Assert.Equal(text.Length, answer.Content.Headers.ContentLength);

        var problem = JsonSerializer.Deserialize(text, ContractJson.Default.ErrorResponse)!;
        Assert.Equal(code, problem.Code);
        Assert.Equal($"urn:token-manager:error:{code}", problem.Type);
        Assert.Equal((int)status, problem.Status);
        Assert.Equal(answer.RequestMessage!.RequestUri!.AbsolutePath, problem.Instance);
        Assert.NotEmpty(problem.Title);
        Assert.EndsWith(".", problem.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain(". ", problem.Detail, StringComparison.Ordinal);
        if (field is null)
            Assert.Empty(problem.Errors);
        else
            Assert.Equal(message, Assert.Single(Assert.Single(problem.Errors, error => error.Key == field).Value));
        return problem.Detail;
    }

    public static void RetriesAfter(HttpResponseMessage answer, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), answer.Headers.RetryAfter?.Delta);
}
