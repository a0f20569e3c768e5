namespace TokenManager.Node;

/// <summary>The version that the build stamped on this node.</summary>
internal static class NodeVersion
{
    public static string Text { get; } = typeof(NodeVersion).Assembly.GetName().Version!.ToString(3);
}
