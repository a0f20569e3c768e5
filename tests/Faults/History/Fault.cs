namespace TokenManager.Faults.History;

/// <summary>What a fault takes from the service while it lasts, and so when what falls due must be released.</summary>
internal enum Effect
{
    /// <summary>Nothing: whatever it is, the product does not depend on it.</summary>
    None,

    /// <summary>Tokens move to other nodes: the release waits for them at most.</summary>
    Failover,

    /// <summary>Nobody can release anything until it is over.</summary>
    Outage,
}

/// <summary>A fault that was injected; times as in <see cref="Operation"/>.</summary>
/// <param name="Nemesis">Its name.</param>
/// <param name="What">To whom it was done.</param>
/// <param name="Effect">What it took.</param>
/// <param name="Began">When the first of those that were injected together was begun.</param>
/// <param name="Healed">When it was taken back, as far as that was in anybody's hands.</param>
/// <param name="Recovered">When all nodes were one ready cluster again.</param>
internal sealed record Fault(string Nemesis, string What, Effect Effect, long Began, long Healed, long Recovered)
{
    /// <summary>For how long tokens go on moving to nodes that have come back, in microseconds.</summary>
    public const long Settling = 12_000_000;
}
