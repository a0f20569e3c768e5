using System.Globalization;

namespace TokenManager.Bench.Reporting;

/// <summary>What it was measured on.</summary>
/// <param name="Processor">Its name.</param>
/// <param name="Cores">How many.</param>
/// <param name="MemoryInGibibytes">All of it.</param>
/// <param name="Kernel">Name and release.</param>
/// <param name="FileSystem">Of the folder that the databases are in: on tmpfs, fsync costs nothing.</param>
internal sealed record Machine(string Processor, int Cores, double MemoryInGibibytes, string Kernel, string FileSystem)
{
    private const double KibibytesInGibibyte = 1024 * 1024;

    public static Machine Present { get; } = new(
        ValueOf("/proc/cpuinfo", "model name"),
        Environment.ProcessorCount,
        Math.Round(double.Parse(ValueOf("/proc/meminfo", "MemTotal").Split(' ')[0], CultureInfo.InvariantCulture) / KibibytesInGibibyte, 1),
        $"Linux {File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}",
        new DriveInfo(Path.GetTempPath()).DriveFormat);

    private static string ValueOf(string file, string key) => File.ReadLines(file)
        .Where(line => line.StartsWith(key, StringComparison.Ordinal))
        .Select(line => line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim())
        .FirstOrDefault() ?? "unknown";
}
