using System.Globalization;
using TokenManager.Testing;

namespace TokenManager.Bench.Reporting;

/// <summary>What it was measured on.</summary>
/// <param name="Processor">Its name.</param>
/// <param name="Cores">How many.</param>
/// <param name="MemoryInGibibytes">All of it.</param>
/// <param name="Kernel">Name and release.</param>
/// <param name="FileSystem">Of the folder that the databases are in: on tmpfs, fsync costs nothing.</param>
/// <param name="FsyncMicroseconds">How long a write of a page takes there until it is durable, as the system says; the median.</param>
internal sealed record Machine(
    string Processor, int Cores, double MemoryInGibibytes, string Kernel, string FileSystem, double FsyncMicroseconds)
{
    private const double KibibytesInGibibyte = 1024 * 1024;
    private const int Page = 8192;
    private const int Writes = 200;

    public static Machine Present { get; } = new(
        ValueOf("/proc/cpuinfo", "model name"),
        Environment.ProcessorCount,
        Math.Round(double.Parse(ValueOf("/proc/meminfo", "MemTotal").Split(' ')[0], CultureInfo.InvariantCulture) / KibibytesInGibibyte, 1),
        $"Linux {File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}",
        new DriveInfo(Path.GetTempPath()).DriveFormat,
        Fsync());

    private static double Fsync()
    {
        using var folder = new TemporaryFolder();
        using var file = new FileStream(folder.File("durable"), FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        var page = new byte[Page];
        return Figure.MedianOf(Enumerable.Range(0, Writes).Select(_ =>
        {
            var started = TimeProvider.System.GetTimestamp();
            file.Write(page);
            file.Flush(flushToDisk: true);
            return TimeProvider.System.GetElapsedTime(started).TotalMicroseconds;
        }));
    }

    private static string ValueOf(string file, string key) => File.ReadLines(file)
        .Where(line => line.StartsWith(key, StringComparison.Ordinal))
        .Select(line => line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim())
        .FirstOrDefault() ?? "unknown";
}
