using System.Net;
using TokenManager.Testing;

namespace TokenManager.Crash.Tests;

/// <summary>Who has a certificate of the cluster's authority is let in, and nobody else.</summary>
public sealed class TlsTests : IDisposable
{
    private const string NotSigned = "is not signed by the cluster's authority";
    private const string AllOrNone = "TLS on the cluster port is for all nodes or for none";
    private static readonly Dictionary<string, string> NoTls = [];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly CertificateAuthority _authority = new("the cluster's authority");
    private readonly CertificateAuthority _another = new("another authority");
    private readonly List<TemporaryFolder> _folders = [];

    [Fact]
    public async Task Nodes_of_one_authority_are_one_cluster_and_whoever_has_no_such_certificate_never_becomes_a_member()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        await using var a = NodeProcess.Launch(Right(database));
        await using var b = NodeProcess.Launch(Right(database));
        NodeProcess[] members = [a, b];
        await Task.WhenAll(members.Select(node => node.WaitReadyAsync()));
        await AreTheMembersAsync(database, members);

        await using var stranger = NodeProcess.Launch(Node(database, _another.Write(NewFolder(), "stranger")));
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
    }

    [Fact]
    public async Task A_member_that_comes_back_with_a_wrong_certificate_or_with_none_takes_nobody_with_it()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        await using var a = NodeProcess.Launch(Right(database));
        await using var b = NodeProcess.Launch(Right(database));
        await using var c = NodeProcess.Launch(Right(database));
        await Task.WhenAll(a.WaitReadyAsync(), b.WaitReadyAsync(), c.WaitReadyAsync());
        NodeProcess[] others = [a, b];

        foreach (var (wrong, sentence) in new (IReadOnlyDictionary<string, string>, string)[] { (_another.Write(NewFolder(), "stranger"), NotSigned), (NoTls, AllOrNone) })
        {
            // The others still take it for a member, and connect to its address.
            await c.KillAsync();
            c.Relaunch(Node(database, wrong));
            await SaysAsync(c, sentence);
            await AreTheMembersAsync(database, others);
            await ServeAsync(others);

            await c.KillAsync();
            c.Relaunch(Right(database));
            await c.WaitReadyAsync();
            await AreTheMembersAsync(database, [a, b, c]);
        }
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

    [Fact]
    public async Task Seed_nodes_are_found_over_TLS_too()
    {
        using var database = await Database.CreateAsync(StoreKind.Postgres);
        var ports = new[] { FreePorts.Next(), FreePorts.Next() };
        await using var first = NodeProcess.Launch(WithSeeds(ports[0]));
        await using var second = NodeProcess.Launch(WithSeeds(ports[1]));

        await Task.WhenAll(first.WaitReadyAsync(), second.WaitReadyAsync());

        await AreTheMembersAsync(database, [first, second]);

        NodeSettings WithSeeds(int port) => With(Right(database), new Dictionary<string, string>
        {
            ["TokenManager:Cluster:SeedNodes"] = string.Join(',', ports.Select(one => $"127.0.0.1:{one}")),
            ["TokenManager:Cluster:Port"] = $"{port}",
        });
    }

    public void Dispose()
    {
        _authority.Dispose();
        _another.Dispose();
        foreach (var folder in _folders) folder.Dispose();
    }

    private static NodeSettings Node(Database database, IReadOnlyDictionary<string, string> tls) => With(
        With(database.Node(30, TimeSpan.FromMinutes(2)), tls),
        // Known before it is ready, which it may never be.
        new Dictionary<string, string> { ["urls"] = $"http://127.0.0.1:{FreePorts.Next()}" });

    private static NodeSettings With(NodeSettings settings, IReadOnlyDictionary<string, string> more) => settings with
    {
        Configuration = settings.Configuration.Concat(more).ToDictionary(),
    };

    private static Task SaysAsync(NodeProcess node, string sentence) => Eventually.Async(
        () => node.Output.Any(line => line.Contains(sentence, StringComparison.Ordinal)),
        Patience,
        node.Tail,
        $"the node says that it {sentence}");

    private static async Task ServeAsync(NodeProcess[] nodes)
    {
        foreach (var node in nodes)
        {
            // While the pool moves, an activation waits.
            var grant = await node.ActivateAsync(Guid.NewGuid());
            Assert.True(grant.Status is HttpStatusCode.OK, $"{grant}\n{node.Tail()}");
        }
    }

    private static async Task AreTheMembersAsync(Database database, NodeProcess[] nodes, string protocol = "akka.ssl.tcp")
    {
        var expected = nodes.Select(node => $"{protocol}://token-manager@127.0.0.1:{node.ClusterPort}").ToHashSet();
        var registered = new HashSet<string>();
        await Eventually.Async(
            async () =>
            {
                registered = [];
                await database.ReadAsync(
                    "select address from cluster_nodes join cluster using (epoch) where epoch = 1 and joined",
                    row => registered.Add(row.GetString(0)));
                return registered.SetEquals(expected);
            },
            Patience,
            () => $"{string.Join(' ', registered)}\n{string.Join('\n', nodes.Select(node => node.Tail()))}",
            $"these are the members: {string.Join(' ', expected)}");
    }

    private static void HasNoStackTrace(NodeProcess node)
    {
        var traces = node.Output.Concat(node.Errors).Where(line => line.Contains("   at ", StringComparison.Ordinal));
        Assert.True(!traces.Any(), string.Join('\n', traces));
    }

    private NodeSettings Right(Database database) => Node(database, _authority.Write(NewFolder(), "node"));

    private TemporaryFolder NewFolder()
    {
        var folder = new TemporaryFolder();
        _folders.Add(folder);
        return folder;
    }
}
