namespace TokenManager.Node.Tests.Deploy;

/// <summary>The files as they are in the repository.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    public static string PathOf(string file) => Path.Combine(Root, file);

    public static string Read(string file) => File.ReadAllText(PathOf(file));

    private static string Find()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "TokenManager.sln")))
            folder = Path.GetDirectoryName(folder)!;
        return folder;
    }
}
