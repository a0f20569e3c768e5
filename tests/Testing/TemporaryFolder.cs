namespace TokenManager.Testing;

/// <summary>A folder of its own, deleted with everything in it when it is disposed.</summary>
public sealed class TemporaryFolder : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("token-manager-").FullName;

    /// <summary>The path of a file in the folder.</summary>
    public string File(string name) => Path.Combine(_path, name);

    /// <summary>Deletes the folder.</summary>
    public void Dispose() => Directory.Delete(_path, recursive: true);
}
