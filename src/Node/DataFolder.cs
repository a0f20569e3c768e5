namespace TokenManager.Node;

/// <summary>The embedded database's folder.</summary>
internal static class DataFolder
{
    /// <summary>Makes the folder if missing and writes to it once; what went wrong, or null.</summary>
    public static string? Problem(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
            var probe = Path.Combine(folder, $".{Path.GetRandomFileName()}");
            using (new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose))
                return null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return OneLine.Of(failure.Message);
        }
    }
}
