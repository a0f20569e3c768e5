namespace TokenManager.Bench;

/// <summary>How much is measured: enough for figures that can be believed, or just enough to see that all of it works.</summary>
internal sealed record Extent
{
    public required string Name { get; init; }

    /// <summary>How often each of what is compared has its turn.</summary>
    public required int Rounds { get; init; }

    /// <summary>How long a turn lasts.</summary>
    public required TimeSpan Turn { get; init; }

    /// <summary>How long each of what is compared is driven beforehand, until its code is compiled for good.</summary>
    public required TimeSpan WarmUp { get; init; }

    /// <summary>The pool that activations are taken from.</summary>
    public required int LargePool { get; init; }

    /// <summary>How many activations are the cold start.</summary>
    public required int ColdActivations { get; init; }

    /// <summary>The pools that are compared for growth, ascending.</summary>
    public required IReadOnlyList<int> PoolSizes { get; init; }

    /// <summary>How many leases fall due together.</summary>
    public required int Burst { get; init; }

    /// <summary>The longest of these leases: time to take them all.</summary>
    public required TimeSpan BurstLease { get; init; }

    /// <summary>What a node may take to start on this pool.</summary>
    public required TimeSpan BurstStart { get; init; }

    /// <summary>How many leases are followed to their end.</summary>
    public required int Leases { get; init; }

    /// <summary>How long each of them is, in the large pool.</summary>
    public required TimeSpan LateLease { get; init; }

    /// <summary>How long memory may take to settle.</summary>
    public required TimeSpan Settle { get; init; }

    public static Extent Full { get; } = new()
    {
        Name = "full",
        Rounds = 5,
        Turn = TimeSpan.FromSeconds(5),
        WarmUp = TimeSpan.FromSeconds(10),
        LargePool = 20_000,
        ColdActivations = 2000,
        PoolSizes = [100, 10_000, 100_000],
        Burst = 100_000,
        BurstLease = TimeSpan.FromMinutes(15),
        BurstStart = TimeSpan.FromSeconds(12),
        Leases = 1000,
        LateLease = TimeSpan.FromSeconds(80),
        Settle = TimeSpan.FromSeconds(30),
    };

    public static Extent Short { get; } = new()
    {
        Name = "short",
        Rounds = 1,
        Turn = TimeSpan.FromSeconds(0.5),
        WarmUp = TimeSpan.FromSeconds(0.5),
        LargePool = 400,
        ColdActivations = 100,
        PoolSizes = [100, 400],
        Burst = 100,
        BurstLease = TimeSpan.FromSeconds(11),
        BurstStart = TimeSpan.FromSeconds(5),
        Leases = 60,
        LateLease = TimeSpan.FromSeconds(2),
        Settle = TimeSpan.FromSeconds(1),
    };
}
