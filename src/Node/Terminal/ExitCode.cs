namespace TokenManager.Node.Terminal;

/// <summary>How a command ends, for scripts.</summary>
internal static class ExitCode
{
    public const int Done = 0;

    /// <summary>The node answered, but with a refusal: not found, not now, not allowed.</summary>
    public const int Refused = 1;

    /// <summary>There is no such command, argument or option.</summary>
    public const int Usage = 2;

    /// <summary>No management API answered.</summary>
    public const int Unreached = 3;
}
