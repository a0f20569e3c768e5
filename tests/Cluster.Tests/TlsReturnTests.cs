using System.Net;
using TokenManager.Testing;

namespace TokenManager.Cluster.Tests;

/// <summary>A member that comes back as somebody else, while the others still reckon with it.</summary>
[Collection(LongestFirst.Prefix + "a member returns")]
public sealed class TlsReturnTests : TlsNodes
{
    [Fact]
    public async Task A_member_that_comes_back_with_a_wrong_certificate_or_with_none_takes_nobody_with_it()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        await using var a = NodeProcess.Launch(Right(database));
        await using var b = NodeProcess.Launch(Right(database));
        await using var c = NodeProcess.Launch(Right(database));
        await Task.WhenAll(a.WaitReadyAsync(), b.WaitReadyAsync(), c.WaitReadyAsync());
        NodeProcess[] others = [a, b];

        await ComesBackAsync(Another.Write(NewFolder(), "stranger"), NotSigned);
        await c.KillAsync();
        c.Relaunch(Right(database));
        await c.WaitReadyAsync();
        await AreTheMembersAsync(database, [a, b, c]);
        await ComesBackAsync(NoTls, AllOrNone);

        async Task ComesBackAsync(IReadOnlyDictionary<string, string> wrong, string sentence)
        {
            // The others still take it for a member, and connect to its address.
            await c.KillAsync();
            c.Relaunch(Node(database, wrong));
            await SaysAsync(c, sentence);
            await AreTheMembersAsync(database, others);
            // It took its own row over, so only what it had tells when the others have let go of what it was.
            foreach (var other in others)
                await Eventually.Async(
                    async () => (await other.ActivateAsync(Guid.NewGuid())).Status is HttpStatusCode.OK, Patience, other.Tail);
            await ServeAsync(others);
        }
    }
}
