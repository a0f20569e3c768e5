namespace TokenManager.Faults.Node;

/// <summary>When a defect strikes that must let the node go on: soon, and not too often.</summary>
internal sealed class EveryFifth
{
    private int _count;

    /// <summary>True at every fifth call.</summary>
    public bool Strikes() => Interlocked.Increment(ref _count) % 5 == 0;
}
