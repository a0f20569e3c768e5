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

    /// <summary>Where the management API listens; null turns it off.</summary>
    public Uri? ManagementUrl { get; init; }

    /// <summary>Where <c>pbm</c> may connect, in a build that has it.</summary>
    public PbmSettings Pbm { get; init; } = new("127.0.0.1", 9110);

    public Store Store => ConnectionString.Length == 0
        ? new Store.Sqlite(Path.Combine(DataDirectory, DatabaseFile))
        : new Store.Postgres(ConnectionString);

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

        errors.AddRange(ConfigurationKeys.Unknown(configuration));
        if (errors.Count == 0) errors.AddRange(options.Contradictions());
        return errors.Count == 0 ? new NodeOptionsResult.Valid(options) : new NodeOptionsResult.Invalid(errors);
    }

    // The generated text would print the connection string.
    public override string ToString() => $"{nameof(NodeOptions)} {{ Store = {StoreText.Of(Store)} }}";

    private IEnumerable<string> Contradictions()
    {
        if (Store is not Store.Sqlite) yield break;

        if (Cluster.SeedNodes.Count > 0)
            yield return $"{ConfigurationKeys.SeedNodes.Name} is \"{string.Join(',', Cluster.SeedNodes)}\"; allowed is empty, "
                + "because SQLite serves exactly one node: for more, set "
                + $"{ConfigurationKeys.ConnectionString.Name} to a PostgreSQL database.";

        if (DataFolder.Problem(DataDirectory) is { } problem)
            yield return $"{ConfigurationKeys.DataDirectory.Refuse(DataDirectory)} {problem}";
    }
}
