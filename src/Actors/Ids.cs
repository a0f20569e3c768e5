namespace TokenManager.Actors;

/// <summary>The only place where ids are made.</summary>
internal static class Ids
{
#pragma warning disable RS0030 // Everybody else is to ask here.
    internal static Guid NewTokenId() => Guid.NewGuid();

    /// <summary>Made in the order of time, so that neighbours in time are neighbours in the ledger's index.</summary>
    internal static Guid NewUsageId(TimeProvider timeProvider) => Guid.CreateVersion7(timeProvider.GetUtcNow());
#pragma warning restore RS0030
}
