namespace TokenManager.Cluster.Drills;

/// <summary>The node as this project's build made it once more, with a higher version.</summary>
internal static class NextBuild
{
    public const string Version = "1000.0.0";

    public static string Assembly
    {
        get
        {
            // …/tests/<Project>/bin/<Configuration>/net10.0/
            var output = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
            var tests = output.Parent!.Parent!.Parent!.Parent!.FullName;
            var path = Path.Combine(
                tests, "Cluster.Drills", "bin", output.Parent.Name, "next-node", "TokenManager.Node.dll");
            return File.Exists(path) ? path : throw new InvalidOperationException($"{path} has not been built.");
        }
    }
}
