using System.Net;
using TokenManager.Testing;

namespace TokenManager.Cluster.Tests;

/// <summary>Nodes with certificates of the cluster's authority, of another one, of their own, or with none.</summary>
public abstract class TlsNodes : IDisposable
{
    private protected const string NotSigned = "is not signed by the cluster's authority";
    private protected const string AllOrNone = "TLS on the cluster port is for all nodes or for none";
    private protected static readonly Dictionary<string, string> NoTls = [];
    private protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly CertificateAuthority _authority = new("the cluster's authority");
    private readonly List<TemporaryFolder> _folders = [];

    private protected CertificateAuthority Another { get; } = new("another authority");

    public void Dispose()
    {
        _authority.Dispose();
        Another.Dispose();
        foreach (var folder in _folders) folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected static NodeSettings Node(Database database, IReadOnlyDictionary<string, string> tls) => With(
        With(database.Node(30, TimeSpan.FromMinutes(2)), tls),
        // Known before it is ready, which it may never be.
        new Dictionary<string, string> { ["urls"] = $"http://127.0.0.1:{FreePorts.Next()}" });

    private protected static NodeSettings With(NodeSettings settings, IReadOnlyDictionary<string, string> more) => settings with
    {
        Configuration = settings.Configuration.Concat(more).ToDictionary(),
    };

    private protected static Task SaysAsync(NodeProcess node, string sentence) => Eventually.Async(
        () => node.Output.Any(line => line.Contains(sentence, StringComparison.Ordinal)),
        Patience,
        node.Tail,
        $"the node says that it {sentence}");

    private protected static async Task ServeAsync(NodeProcess[] nodes)
    {
        foreach (var node in nodes)
        {
            // While the pool moves, an activation waits.
            var grant = await node.ActivateAsync(Guid.NewGuid());
            Assert.True(grant.Status is HttpStatusCode.OK, $"{grant}\n{node.Tail()}");
        }
    }

    private protected static async Task AreTheMembersAsync(Database database, NodeProcess[] nodes, string protocol = "akka.ssl.tcp")
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

    private protected static void HasNoStackTrace(NodeProcess node)
    {
        var traces = node.Output.Concat(node.Errors).Where(line => line.Contains("   at ", StringComparison.Ordinal));
        Assert.True(!traces.Any(), string.Join('\n', traces));
    }

    private protected NodeSettings Right(Database database) => Node(database, _authority.Write(NewFolder(), "node"));

    private protected TemporaryFolder NewFolder()
    {
        var folder = new TemporaryFolder();
        _folders.Add(folder);
        return folder;
    }
}
