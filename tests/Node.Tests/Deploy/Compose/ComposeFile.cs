using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace TokenManager.Node.Tests.Deploy.Compose;

/// <summary>docker-compose.yml, as far as it is used here: any other field is an error.</summary>
internal sealed partial record ComposeFile(
    string Name, IReadOnlyDictionary<string, ComposeService> Services, IReadOnlyDictionary<string, object?> Volumes)
{
    public const string FileName = "docker-compose.yml";
    public const string Password = "a-password";

    private static readonly JsonSerializerOptions Strict = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectRequiredConstructorParameters = true,
    };

    public static ComposeFile Parse(string text)
    {
        var document = StrictYaml.Documents(Variable().Replace(text, Password)).Single();
        foreach (var extension in document.Select(pair => pair.Key).Where(key => key.StartsWith("x-", StringComparison.Ordinal)).ToArray())
            document.Remove(extension);
        return JsonSerializer.Deserialize<ComposeFile>(document, Strict)!;
    }

    [GeneratedRegex(@"\$\{POSTGRES_PASSWORD:\?[^}]+\}")]
    private static partial Regex Variable();
}

/// <summary>One service.</summary>
internal sealed record ComposeService(string Image)
{
    public ComposeBuild? Build { get; init; }

    public IReadOnlyList<string> Command { get; init; } = [];

    public string? Hostname { get; init; }

    public string? Restart { get; init; }

    public string? StopGracePeriod { get; init; }

    public bool ReadOnly { get; init; }

    public IReadOnlyList<string> Tmpfs { get; init; } = [];

    public IReadOnlyList<string> CapDrop { get; init; } = [];

    public IReadOnlyList<string> SecurityOpt { get; init; } = [];

    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    public IReadOnlyList<string> Ports { get; init; } = [];

    public IReadOnlyList<string> Volumes { get; init; } = [];

    public ComposeHealthCheck? Healthcheck { get; init; }

    /// <summary>A list of names, or an object with a condition for each.</summary>
    public JsonElement DependsOn { get; init; }

    public IEnumerable<string> Dependencies => DependsOn.ValueKind switch
    {
        JsonValueKind.Array => DependsOn.EnumerateArray().Select(name => name.GetString()!),
        JsonValueKind.Object => DependsOn.EnumerateObject().Select(property => property.Name),
        _ => [],
    };
}

/// <summary>What an image is built from.</summary>
internal sealed record ComposeBuild(string Context, string Dockerfile);

/// <summary>How a container's health is asked.</summary>
internal sealed record ComposeHealthCheck(IReadOnlyList<string> Test, string Interval, string Timeout, int Retries);
