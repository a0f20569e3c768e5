namespace TokenManager.Faults.History;

internal enum Kind
{
    Activate,
    Release,
    Clear,
    List,
    Details,
    History,

    /// <summary>The pool's figures, from a node's management API.</summary>
    Pool,
}

/// <summary>One request and what became of it.</summary>
/// <param name="Number">Counts invocations from 0.</param>
/// <param name="Client">Who sent it.</param>
/// <param name="Kind">What was asked for.</param>
/// <param name="Node">To which node.</param>
/// <param name="Run">Which run of that node's process answered; null when the process changed meanwhile.</param>
/// <param name="Invoked">Microseconds since the recording began, by the monotonic clock.</param>
/// <param name="Completed">The same; when the answer was there or the caller gave up.</param>
/// <param name="Answer">What came back.</param>
internal sealed record Operation(
    long Number, int Client, Kind Kind, int Node, int? Run, long Invoked, long Completed, Answer Answer)
{
    /// <summary>The token that it is about, if it names one.</summary>
    public Guid? Token { get; init; }

    public Guid? User { get; init; }

    /// <summary>The <c>Idempotency-Key</c> of an activation, the usage that a release names.</summary>
    public Guid? Usage { get; init; }

    /// <summary>Sent after the traffic had ended and everything was quiet.</summary>
    public bool IsAfterwards { get; init; }
}
