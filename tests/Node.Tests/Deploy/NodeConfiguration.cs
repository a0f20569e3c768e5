using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;

namespace TokenManager.Node.Tests.Deploy;

/// <summary>What a node would make of the environment that a container gives it.</summary>
internal static class NodeConfiguration
{
    // Read by the logging and by the database's driver, which refuse nothing.
    private static readonly string[] OfLibraries = ["Logging:Console:FormatterName", "PGSSLROOTCERT"];

    /// <summary>The image's variables and the container's, which win.</summary>
    public static IConfiguration Of(IReadOnlyDictionary<string, string> environment) => new ConfigurationBuilder()
        .AddInMemoryCollection(ImageFile.Node.Environment.Select(Pair))
        .AddInMemoryCollection(environment.Select(Pair))
        .Build();

    public static IEnumerable<string> Problems(string where, IReadOnlyDictionary<string, string> environment)
    {
        foreach (var key in ImageFile.Node.Environment.Keys.Concat(environment.Keys).Select(Key).Where(key => !IsRead(key)))
            yield return $"{where}: nobody reads {key}.";

        switch (NodeOptions.Read(Of(environment)))
        {
            case NodeOptionsResult.Invalid invalid:
                foreach (var error in invalid.Errors) yield return $"{where}: {error}";
                break;
            case NodeOptionsResult.Valid { Options.ConnectionString.Length: 0 }:
                yield return $"{where}: several nodes need {ConfigurationKeys.ConnectionString.Name}.";
                break;
        }
    }

    /// <summary>The options that the environment comes to; those of no environment if it is not allowed.</summary>
    public static NodeOptions Options(IReadOnlyDictionary<string, string> environment) =>
        NodeOptions.Read(Of(environment)) is NodeOptionsResult.Valid valid ? valid.Options : new NodeOptions();

    public static IEnumerable<int> HttpPorts(NodeOptions options) =>
        options.Urls.Select(url => BindingAddress.Parse(url).Port);

    private static bool IsRead(string key) =>
        OfLibraries.Contains(key) || ConfigurationKeys.All.Any(known => known.Name.Equals(key, StringComparison.OrdinalIgnoreCase));

    private static KeyValuePair<string, string?> Pair(KeyValuePair<string, string> variable) =>
        new(Key(variable.Key), variable.Value);

    private static string Key(string variable)
    {
        var name = variable.Replace("__", ":", StringComparison.Ordinal);
        return name.StartsWith("ASPNETCORE_", StringComparison.Ordinal) ? name["ASPNETCORE_".Length..] : name;
    }
}
