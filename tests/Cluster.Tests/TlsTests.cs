using System.Net;
using TokenManager.Testing;

namespace TokenManager.Cluster.Tests;

/// <summary>Who has a certificate of the cluster's authority is let in, and nobody else.</summary>
[Collection(LongestFirst.Prefix + "certificates")]
public sealed class TlsTests : TlsNodes
{
    [Fact]
    public async Task Nodes_of_one_authority_are_one_cluster_and_whoever_has_no_such_certificate_never_becomes_a_member()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        var ports = new[] { FreePorts.Next(), FreePorts.Next() };
        await using var a = NodeProcess.Launch(WithSeeds(ports[0]));
        await using var b = NodeProcess.Launch(WithSeeds(ports[1]));
        NodeProcess[] members = [a, b];
        await Task.WhenAll(members.Select(node => node.WaitReadyAsync()));
        await AreTheMembersAsync(database, members);

        await using var stranger = NodeProcess.Launch(Node(database, Another.Write(NewFolder(), "stranger")));
        await using var own = NodeProcess.Launch(Node(database, CertificateAuthority.WriteSelfSigned(NewFolder(), "own")));
        await using var plain = NodeProcess.Launch(Node(database, NoTls));
        await SaysAsync(stranger, NotSigned);
        await SaysAsync(own, NotSigned);
        await SaysAsync(plain, AllOrNone);

        foreach (var outsider in (NodeProcess[])[stranger, own, plain])
        {
            using var ready = await outsider.Client.GetAsync(new Uri("/health/ready", UriKind.Relative));
            Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
            Assert.False(outsider.HasExited, outsider.Tail());
        }

        await ServeAsync(members);
        await AreTheMembersAsync(database, members);
        foreach (var node in (NodeProcess[])[a, b, stranger, own, plain]) HasNoStackTrace(node);

        // Seed nodes are found over TLS too; the others find each other through the database.
        NodeSettings WithSeeds(int port) => With(Right(database), new Dictionary<string, string>
        {
            ["TokenManager:Cluster:SeedNodes"] = string.Join(',', ports.Select(one => $"127.0.0.1:{one}")),
            ["TokenManager:Cluster:Port"] = $"{port}",
        });
    }

    [Fact]
    public async Task A_node_with_a_certificate_does_not_join_nodes_without()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        await using var plain = await NodeProcess.StartAsync(Node(database, NoTls));

        await using var secured = NodeProcess.Launch(Right(database));
        await SaysAsync(secured, AllOrNone);

        await AreTheMembersAsync(database, [plain], "akka.tcp");
        await ServeAsync([plain]);
        HasNoStackTrace(secured);
    }
}
