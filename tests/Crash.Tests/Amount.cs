using System.Globalization;

namespace TokenManager.Crash.Tests;

/// <summary>How much of it: little by default, all of it where the environment asks.</summary>
internal static class Amount
{
    /// <summary><c>TOKEN_MANAGER_CRASHES</c>: how often a node is killed on each store.</summary>
    public static int Crashes => Read("TOKEN_MANAGER_CRASHES", 2);

    /// <summary><c>TOKEN_MANAGER_OUTAGES</c>: in how many ways the database is taken away: killed, frozen, stopped.</summary>
    public static int Outages => Read("TOKEN_MANAGER_OUTAGES", 2);

    /// <summary><c>TOKEN_MANAGER_OUTAGE_SECONDS</c>: how long the database is away.</summary>
    public static TimeSpan Outage => TimeSpan.FromSeconds(Read("TOKEN_MANAGER_OUTAGE_SECONDS", 6));

    /// <summary><c>TOKEN_MANAGER_RACE_SECONDS</c>: how long two nodes race for the same users.</summary>
    public static TimeSpan Race => TimeSpan.FromSeconds(Read("TOKEN_MANAGER_RACE_SECONDS", 5));

    private static int Read(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : otherwise;
}
