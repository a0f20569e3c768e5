using TokenManager.Faults.History;

namespace TokenManager.Faults.Nemeses;

/// <summary>What a fault is done to. Two faults of one area are never done at once.</summary>
internal enum Area
{
    Process,
    Network,
    Database,
    Clock,
}

/// <summary>A fault that is injected into a running cluster and taken back.</summary>
/// <param name="Name">The word for the command line.</param>
/// <param name="What">In a sentence.</param>
/// <param name="Area">What it is done to.</param>
/// <param name="Effect">What it takes from the service.</param>
/// <param name="InjectAsync">Does it, for about the given time, and takes it back; returns to whom it was done.</param>
internal sealed record Nemesis(
    string Name, string What, Area Area, Effect Effect, Func<Arena, Random, TimeSpan, Task<string>> InjectAsync)
{
    public static IReadOnlyList<Nemesis> All { get; } =
    [
        .. Processes.All,
        .. Partitions.All,
        .. Databases.All,
        .. Clocks.All,
    ];

    /// <summary>How long a fault is to last that has a length of its own choosing.</summary>
    public static TimeSpan Duration(Random random) => TimeSpan.FromSeconds(random.Next(3, 20));
}
