using System.Data.Common;
using Npgsql;
using TokenManager.Actors;
using TokenManager.Actors.Ledger;

namespace TokenManager.Node;

/// <summary>What reading the configuration comes to: options that are right as a whole, or every reason why not.</summary>
internal abstract record NodeOptionsResult
{
    private NodeOptionsResult() { }

    /// <summary>Everything is allowed.</summary>
    internal sealed record Valid(NodeOptions Options) : NodeOptionsResult;

    /// <summary>One line for each problem; none contains a secret.</summary>
    internal sealed record Invalid(IReadOnlyList<string> Errors) : NodeOptionsResult;
}

/// <summary>Where <c>pbm</c> may connect.</summary>
internal sealed record PbmSettings(string Host, int Port);

/// <summary>Everything a node is told from outside, read once at start and right from then on.</summary>
internal sealed record NodeOptions
{
    public const string DatabaseFile = "tokenmanager.db";

    public IReadOnlyList<string> Urls { get; init; } = [];

    /// <summary>Empty for the embedded database. May hold a password: never print it.</summary>
    public string ConnectionString { get; init; } = "";

    /// <summary>As configured; relative to the working directory.</summary>
    public string DataDirectory { get; init; } = "";

    public PoolSettings Pool { get; init; } = new();

    public ClusterSettings Cluster { get; init; } = new();

    /// <summary>As configured; null if it follows from the rest. <see cref="Cluster"/> has what holds.</summary>
    public ClusterDiscovery? Discovery { get; init; }

    /// <summary>As configured; <see cref="Certificates"/> reads them.</summary>
    public TlsFiles Tls { get; init; } = new();

    /// <summary>How long a node goes on serving when it has said that it stops.</summary>
    public TimeSpan DrainDelay { get; init; }

    /// <summary>Where the management API listens; null turns it off.</summary>
    public Uri? ManagementUrl { get; init; }

    /// <summary>Where <c>pbm</c> may connect, in a build that has it.</summary>
    public PbmSettings Pbm { get; init; } = new("127.0.0.1", 9110);

    public Store Store => ConnectionString.Length == 0
        ? new Store.Sqlite(Path.Combine(DataDirectory, DatabaseFile))
        : new Store.Postgres(WithoutKerberos(ConnectionString));

    /// <summary>
    /// Reads every key of <see cref="ConfigurationKeys"/>. Makes the data directory when all else is right and the
    /// embedded database needs it.
    /// </summary>
    public static NodeOptionsResult Read(IConfiguration configuration)
    {
        var options = new NodeOptions();
        var errors = new List<string>();
        foreach (var key in ConfigurationKeys.All)
        {
            if (key.IsGivenTwice(configuration))
            {
                errors.Add($"{key.Name} is given both as one text and as a list; allowed is one of the two.");
                continue;
            }

            var text = key.TextIn(configuration);
            if (key.Read(options, text) is { } next) options = next;
            else errors.Add(key.Refuse(text));
        }

        options = options with { Cluster = options.Cluster with { Discovery = options.EffectiveDiscovery } };
        errors.AddRange(ConfigurationKeys.Unknown(configuration));
        if (errors.Count == 0) errors.AddRange(options.Contradictions());
        return errors.Count == 0 ? new NodeOptionsResult.Valid(options) : new NodeOptionsResult.Invalid(errors);
    }

    // The generated text would print the connection string.
    public override string ToString() => $"{nameof(NodeOptions)} {{ Store = {StoreText.Of(Store)} }}";

    private ClusterDiscovery EffectiveDiscovery =>
        Discovery ?? (Store, Cluster.SeedNodes.Count) switch
        {
            (Store.Sqlite, _) => ClusterDiscovery.None,
            (_, > 0) => ClusterDiscovery.Seeds,
            _ => ClusterDiscovery.Database,
        };

    private IEnumerable<string> Contradictions()
    {
        var seeds = string.Join(',', Cluster.SeedNodes);
        if (Cluster.SeedNodes.Count > 0 && Store is Store.Sqlite)
        {
            yield return $"{ConfigurationKeys.SeedNodes.Name} is \"{seeds}\"; allowed is empty, {ForOneNodeOnly}";
        }
        else if (Cluster.SeedNodes.Count > 0 && Cluster.Discovery is not ClusterDiscovery.Seeds)
        {
            yield return $"{ConfigurationKeys.SeedNodes.Name} is \"{seeds}\"; allowed is empty, because "
                + $"{ConfigurationKeys.Discovery.Name} is {Cluster.Discovery}.";
        }

        if (Cluster.Discovery is not ClusterDiscovery.None && Store is Store.Sqlite)
        {
            yield return $"{ConfigurationKeys.Discovery.Name} is \"{Cluster.Discovery}\"; allowed is None, {ForOneNodeOnly}";
        }
        else if (Cluster is { Discovery: ClusterDiscovery.Seeds, SeedNodes.Count: 0 })
        {
            yield return $"{ConfigurationKeys.Discovery.Name} is \"Seeds\"; allowed is Database or None while "
                + $"{ConfigurationKeys.SeedNodes.Name} is empty.";
        }

        foreach (var contradiction in Tls.Contradictions()) yield return contradiction;

        if (Store is Store.Sqlite && DataFolder.Problem(DataDirectory) is { } problem)
            yield return $"{ConfigurationKeys.DataDirectory.Refuse(DataDirectory)} {problem}";
    }

    // Unless told otherwise, the driver first tries to encrypt with Kerberos, and asks a name server for that: where there is
    // none, every connection takes longer than the node waits.
    private static string WithoutKerberos(string connectionString)
    {
        var said = new DbConnectionStringBuilder { ConnectionString = connectionString };
        return said.ContainsKey("GSS Encryption Mode") || said.ContainsKey(nameof(NpgsqlConnectionStringBuilder.GssEncryptionMode))
            ? connectionString
            : new NpgsqlConnectionStringBuilder(connectionString) { GssEncryptionMode = GssEncryptionMode.Disable }.ConnectionString;
    }

    private static string ForOneNodeOnly =>
        "because SQLite serves exactly one node: for more, set "
        + $"{ConfigurationKeys.ConnectionString.Name} to a PostgreSQL database.";
}
