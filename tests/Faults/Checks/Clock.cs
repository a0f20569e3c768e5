namespace TokenManager.Faults.Checks;

/// <summary>How moments of the recording and of the database are compared.</summary>
internal static class Clock
{
    /// <summary>Microseconds by which the database's clock and the recording's may differ.</summary>
    public const long Difference = 100_000;

    /// <summary>For how long what got no answer may still be carried out, in microseconds.</summary>
    public const long StillUnderWay = 15_000_000;
}
