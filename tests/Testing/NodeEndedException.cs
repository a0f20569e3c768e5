namespace TokenManager.Testing;

/// <summary>A node ended while a test was waiting for it; the message holds its exit code and its last lines.</summary>
public sealed class NodeEndedException(string message) : Exception(message);
