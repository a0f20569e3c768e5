namespace TokenManager.Crash.Tests;

/// <summary>Tests that measure time, or a machine's whole load: nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Undisturbed
{
    public const string Name = "undisturbed";
}
