namespace TokenManager.Bench;

/// <summary>Says what is going on, and since when.</summary>
internal sealed class Progress
{
    private readonly long _started = TimeProvider.System.GetTimestamp();

    public void Say(string line) => Console.WriteLine(
        Invariant($"[{TimeProvider.System.GetElapsedTime(_started).TotalSeconds,6:0.0} s] {line}"));
}
