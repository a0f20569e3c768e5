using TokenManager.Actors.Tls;

namespace TokenManager.Actors;

/// <summary>How a node finds the others.</summary>
public enum ClusterDiscovery
{
    /// <summary>It looks for none: a cluster of one.</summary>
    None,

    /// <summary>Through a table of the database that they share.</summary>
    Database,

    /// <summary>Through <see cref="ClusterSettings.SeedNodes"/>; the database says whether a cluster may be formed.</summary>
    Seeds,
}

/// <summary>Where a node is, and how it finds others.</summary>
public sealed record ClusterSettings
{
    /// <summary>The name other nodes reach this one by.</summary>
    public string Hostname { get; init; } = "127.0.0.1";

    /// <summary>The cluster port; 0 picks a free one.</summary>
    public int Port { get; init; } = 4053;

    /// <summary>How the node finds others. SQLite allows <see cref="ClusterDiscovery.None"/> only.</summary>
    public ClusterDiscovery Discovery { get; init; }

    /// <summary>The same ordered <c>host:port</c> list on every node. Only the first of them may form a cluster.</summary>
    public IReadOnlyList<string> SeedNodes { get; init; } = [];

    /// <summary>How long the split brain resolver waits.</summary>
    public TimeSpan StableAfter { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Mutual TLS on the cluster port, on every node or on none; null for none.</summary>
    public ClusterTls? Tls { get; init; }
}
