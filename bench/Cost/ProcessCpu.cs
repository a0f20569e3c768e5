using System.Globalization;

namespace TokenManager.Bench.Cost;

/// <summary>How much processor time a process has used, as Linux counts it.</summary>
internal static class ProcessCpu
{
    // Fields of /proc/…/stat after the program's name, which may hold spaces; counted in USER_HZ, which is 100 everywhere.
    private const int UserTime = 11;
    private const int SystemTime = 12;
    private const double MillisecondsInTick = 10;

    public static double Milliseconds(int process)
    {
        var text = File.ReadAllText($"/proc/{process}/stat");
        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return (Parse(fields[UserTime]) + Parse(fields[SystemTime])) * MillisecondsInTick;
    }

    private static long Parse(string field) => long.Parse(field, CultureInfo.InvariantCulture);
}
