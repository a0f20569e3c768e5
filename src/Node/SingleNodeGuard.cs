namespace TokenManager.Node;

/// <summary>What asking for the data directory comes to.</summary>
internal abstract record SingleNodeGuardResult
{
    private SingleNodeGuardResult() { }

    /// <summary>It is this process's until the guard is disposed of or the process ends, however it ends.</summary>
    internal sealed record Held(SingleNodeGuard Guard) : SingleNodeGuardResult;

    /// <summary>One line that says why not.</summary>
    internal sealed record Refused(string Error) : SingleNodeGuardResult;
}

/// <summary>
/// An embedded database belongs to one node: a locked file beside it keeps a second process out. The operating system
/// frees the lock when the process ends; the file stays, because removing it would let two processes hold "the" lock.
/// </summary>
internal sealed class SingleNodeGuard : IDisposable
{
    public const string FileName = "node.lock";

    private readonly FileStream _file;

    private SingleNodeGuard(FileStream file) => _file = file;

    public static SingleNodeGuardResult Acquire(string dataDirectory)
    {
        try
        {
            Directory.CreateDirectory(dataDirectory);
            return new SingleNodeGuardResult.Held(new SingleNodeGuard(new FileStream(
                Path.Combine(dataDirectory, FileName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None)));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return new SingleNodeGuardResult.Refused(
                $"{ConfigurationKeys.DataDirectory.Name} is \"{OneLine.Of(dataDirectory)}\"; allowed is a folder that no other "
                + $"node is using. {OneLine.Of(failure.Message)}");
        }
    }

    public void Dispose() => _file.Dispose();
}
