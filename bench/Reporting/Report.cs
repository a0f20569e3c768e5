using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using TokenManager.Bench.Peers;
using TokenManager.Testing;

namespace TokenManager.Bench.Reporting;

/// <summary>Everything that was measured in one run, and on what.</summary>
internal sealed class Report
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        // For people and tools, not for web pages.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
    };

    private readonly List<Section> _sections = [];

    private Report(string extent, string commit, string? redis)
    {
        Extent = extent;
        Commit = commit;
        Redis = redis;
    }

    public DateTimeOffset StartedAt { get; } = TimeProvider.System.GetUtcNow();

    public string Extent { get; }

    public string Commit { get; }

    public Machine Machine { get; } = Machine.Present;

    public string Runtime { get; } = RuntimeInformation.FrameworkDescription;

    public string? Postgres { get; private set; }

    public string? Redis { get; }

    public IReadOnlyList<Section> Sections => _sections;

    /// <summary>What could not be measured, or was answered wrongly.</summary>
    public IEnumerable<string> Failures => _sections.Where(section => section.Failure is not null).Select(section => $"{section.Name}: {section.Failure}");

    public IEnumerable<Target> Missed => _sections.SelectMany(section => section.Targets).Where(target => !target.Holds);

    public static async Task<Report> BeginAsync(string extent) =>
        new(extent, await CommitAsync(), await RedisServer.VersionAsync());

    public void Add(Section section) => _sections.Add(section);

    public async Task LearnVersionsAsync(Stage stage) =>
        Postgres ??= await stage.PostgresVersionAsync() is { } version ? $"{version} ({await stage.DurabilityAsync()})" : null;

    /// <summary>Writes both forms of the report.</summary>
    /// <returns>The files.</returns>
    public IReadOnlyList<string> Write(string folder)
    {
        Directory.CreateDirectory(folder);
        var name = Path.Combine(Path.GetFullPath(folder), Invariant($"bench-{StartedAt:yyyyMMdd-HHmmss}"));
        File.WriteAllText($"{name}.md", MarkdownReport.Of(this));
        File.WriteAllText($"{name}.json", JsonSerializer.Serialize(this, Json) + "\n");
        return [$"{name}.md", $"{name}.json"];
    }

    private static async Task<string> CommitAsync()
    {
        // A measurement leaves the index alone.
        var commit = await Shell.TryReadAsync("git", "-C", AppContext.BaseDirectory, "--no-optional-locks", "rev-parse", "--short=12", "HEAD");
        var changes = await Shell.TryReadAsync("git", "-C", AppContext.BaseDirectory, "--no-optional-locks", "status", "--porcelain");
        return commit is null ? "unknown" : commit.Trim() + (string.IsNullOrWhiteSpace(changes) ? "" : " with changes");
    }
}
