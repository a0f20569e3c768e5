namespace TokenManager.Faults;

/// <summary>The library that makes a process see another time.</summary>
internal static class FakeTime
{
    private const string Name = "libfaketimeMT.so.1";
    private static readonly string[] Folders = ["/usr/lib", "/usr/local/lib"];

    /// <summary>Where it is.</summary>
    /// <exception cref="InvalidOperationException">Nowhere.</exception>
    public static string Library { get; } = Folders
        .Where(Directory.Exists)
        .SelectMany(folder => Directory.EnumerateFiles(folder, Name, new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 2 }))
        .FirstOrDefault()
        ?? throw new InvalidOperationException("Clock faults need libfaketime: install it (Debian: apt-get install faketime).");
}
