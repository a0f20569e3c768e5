namespace TokenManager.Testing;

/// <summary>How to start a node; what is not said is a node alone, on SQLite, on free ports, in a folder of its own.</summary>
public sealed record NodeSettings
{
    /// <summary>Configuration by key (<c>TokenManager:Pool:Size</c>); wins over the harness's defaults.</summary>
    public IReadOnlyDictionary<string, string> Configuration { get; init; } = new Dictionary<string, string>();

    /// <summary>Environment variables as they are; null removes one.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();

    /// <summary>Command-line arguments of the node.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>The node's assembly; null for the one that was built with the tests.</summary>
    public string? Assembly { get; init; }

    /// <summary>A command that starts the node, such as <c>faketime -f +1h</c>; empty for none.</summary>
    public IReadOnlyList<string> Wrapper { get; init; } = [];

    /// <summary>Null: a folder of its own, deleted at the end. The data directory is <c>./data</c> below it.</summary>
    public string? WorkingDirectory { get; init; }
}
