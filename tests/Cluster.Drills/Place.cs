using TokenManager.Testing;

namespace TokenManager.Cluster.Drills;

/// <summary>Where a node runs: the address and the ports that it keeps over all its restarts.</summary>
internal sealed record Place(string Host, int ApiPort, int ClusterPort, int ManagementPort, IReadOnlyList<string> Wrapper)
{
    public Uri Api => new($"http://{Host}:{ApiPort}");

    public Uri Management => new($"http://{Host}:{ManagementPort}");

    public string Cluster => $"{Host}:{ClusterPort}";

    /// <summary>Places on the loopback address.</summary>
    public static IReadOnlyList<Place> OnLoopback(int count) => [.. Enumerable.Range(0, count).Select(_ => At("127.0.0.1", []))];

    /// <summary>A place with ports of its own.</summary>
    /// <param name="host">Its address.</param>
    /// <param name="wrapper">What starts a node there; empty for this machine itself.</param>
    public static Place At(string host, IReadOnlyList<string> wrapper) =>
        new(host, FreePorts.Next(), FreePorts.Next(), FreePorts.Next(), wrapper);
}
