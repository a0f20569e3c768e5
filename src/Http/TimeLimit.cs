using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Timeouts;
using TokenManager.Http.OpenApi;

namespace TokenManager.Http;

/// <summary>
/// The last resort for whatever waits for the pool or the database, or for a slow body: the gateway's own limit is
/// shorter. Reads from the cache wait for nothing and are spared the timer.
/// </summary>
internal static class TimeLimit
{
    public const string Policy = "token-manager";
    public const string ClearPolicy = "token-manager-clear";

    public static readonly TimeSpan Default = TimeSpan.FromSeconds(10);

    /// <summary>A clear answers when all it ended is durable, which takes a large pool half a minute.</summary>
    private static readonly TimeSpan Clear = TimeSpan.FromSeconds(70);

    public static void Configure(RequestTimeoutOptions options) =>
        options.AddPolicy(Policy, For(Default)).AddPolicy(ClearPolicy, For(Clear));

    public static RequestTimeoutPolicy For(TimeSpan timeout) => new()
    {
        Timeout = timeout,
        TimeoutStatusCode = StatusCodes.Status503ServiceUnavailable,
        WriteTimeoutResponse = static context =>
        {
            var operation = context.GetEndpoint()?.Metadata.GetMetadata<Operation>();
            return (operation?.TimedOut ?? ApiErrors.Unavailable).ExecuteAsync(context);
        },
    };

    public static void WithTimeLimit(this IEndpointConventionBuilder endpoint, string policy = Policy) =>
        endpoint.WithRequestTimeout(policy);
}
