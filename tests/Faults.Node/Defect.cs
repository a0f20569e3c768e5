using TokenManager.Node;

namespace TokenManager.Faults.Node;

/// <summary>One thing that a node does wrong.</summary>
/// <param name="Word">Its value of <see cref="Defects.Variable"/>.</param>
/// <param name="What">What is wrong, in one sentence.</param>
internal sealed record Defect(string Word, string What)
{
    /// <summary>Composes the node that has it.</summary>
    public required Func<NodeOptions, NodeComposition> Plant { get; init; }
}
