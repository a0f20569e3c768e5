using TokenManager.Testing;

namespace TokenManager.Crash.Tests;

/// <summary>Nodes on one database that know nothing of each other: each a cluster of one, although they could find each other.</summary>
internal static class Strangers
{
    public static NodeSettings Of(NodeSettings settings) => settings with
    {
        Configuration = settings.Configuration
            .Append(KeyValuePair.Create("TokenManager:Cluster:Discovery", "None"))
            .ToDictionary(),
    };
}
