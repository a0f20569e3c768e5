namespace TokenManager.Faults.Node;

/// <summary>
/// When a defect strikes that must let the node go on: not too often, and from the fifth occasion on as soon as it can.
/// </summary>
internal sealed class EveryFifth
{
    private int _occasions;

    private bool IsTime => Interlocked.Increment(ref _occasions) >= 5;

    /// <summary>Whether it strikes on this occasion.</summary>
    public bool Strikes()
    {
        if (!IsTime)
            return false;

        Volatile.Write(ref _occasions, 0);
        return true;
    }

    /// <summary>The same where not every occasion will do.</summary>
    /// <param name="strike">Returns whether it could.</param>
    public async Task<bool> StrikesAsync(Func<Task<bool>> strike)
    {
        if (!IsTime || !await strike())
            return false;

        Volatile.Write(ref _occasions, 0);
        return true;
    }
}
