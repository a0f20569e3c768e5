namespace TokenManager.Cluster.Drills;

/// <summary>How much of each drill: the whole of it, or as much as there is time for.</summary>
/// <param name="Kills">How often the node with the pool is killed.</param>
/// <param name="KillsOfTwo">How often the one or the other node of a cluster of two is killed, each twice in a row.</param>
/// <param name="Freeze">How long a node is frozen.</param>
/// <param name="Partition">How long the network is cut.</param>
/// <param name="Propagations">How many changes are followed to the other nodes.</param>
/// <param name="Aftermath">How long the traffic goes on when all is well again.</param>
/// <param name="Slack">What bounds of time are multiplied by, for a machine that has other things to do as well.</param>
internal sealed record Extent(
    int Kills, int KillsOfTwo, TimeSpan Freeze, TimeSpan Partition, int Propagations, TimeSpan Aftermath, double Slack = 1)
{
    public static Extent Full { get; } = new(
        Kills: 10,
        KillsOfTwo: 12,
        Freeze: TimeSpan.FromSeconds(60),
        Partition: TimeSpan.FromSeconds(60),
        Propagations: 1000,
        Aftermath: TimeSpan.FromSeconds(6));

    public static Extent Short { get; } = new(
        Kills: 1,
        KillsOfTwo: 2,
        Freeze: TimeSpan.FromSeconds(10),
        Partition: TimeSpan.FromSeconds(15),
        Propagations: 200,
        Aftermath: TimeSpan.FromSeconds(1));

    /// <summary>Among other tests, which all want the processor.</summary>
    public static Extent Test { get; } = Short with { KillsOfTwo = 1, Slack = 2 };
}
