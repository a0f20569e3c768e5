namespace TokenManager.Node.Terminal;

/// <summary>What became of a request to a node's management API.</summary>
internal abstract record ManagementReply
{
    private ManagementReply() { }

    /// <summary>It did as it was asked.</summary>
    /// <param name="Body">JSON.</param>
    internal sealed record Answered(byte[] Body) : ManagementReply;

    /// <summary>It refused.</summary>
    /// <param name="Detail">Why, in one sentence.</param>
    internal sealed record Refused(string Detail) : ManagementReply;

    /// <summary>Nobody answered, or somebody who is no management API.</summary>
    /// <param name="Reason">Why, in one sentence.</param>
    internal sealed record Unreached(string Reason) : ManagementReply;
}
