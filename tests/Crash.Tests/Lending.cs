using System.Net;
using TokenManager.Testing;

namespace TokenManager.Crash.Tests;

internal static class Lending
{
    /// <summary>Activates for so many new users at once, and all of them are granted.</summary>
    public static async Task<IReadOnlyList<Grant>> ActivateManyAsync(this NodeProcess node, int count)
    {
        var replies = await Task.WhenAll(Enumerable.Range(0, count).Select(_ => node.ActivateAsync(Guid.NewGuid())));
        return [.. replies.Select(reply => reply.Status is HttpStatusCode.OK
            ? reply.Grant
            : throw new Xunit.Sdk.XunitException($"{reply}\n{node.Tail()}"))];
    }
}
