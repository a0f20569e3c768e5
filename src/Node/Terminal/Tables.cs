using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Spectre.Console;
using TokenManager.Http.Management;

namespace TokenManager.Node.Terminal;

/// <summary>The management API's answers for people.</summary>
internal static class Tables
{
    // Where nobody looks at it, nothing is to be wrapped.
    private const int Unlimited = 1000;

    public static void Members(byte[] body, TextWriter output)
    {
        var cluster = Read(body, ClusterJson.Default.ClusterMembers);
        if (cluster.Members.Count == 0)
        {
            output.WriteLine($"{cluster.SelfNode} has not joined a cluster yet.");
            return;
        }

        var table = Plain("NODE", "STATUS", "VERSION", "ROLES", "NOTES");
        foreach (var member in cluster.Members)
        {
            table.AddRow(Cells(
                member.Node, member.Status, member.AppVersion, string.Join(' ', member.Roles), Notes(cluster, member.Node)));
        }

        Write(table, output);
    }

    public static void Message(byte[] body, TextWriter output) =>
        output.WriteLine(Read(body, ClusterJson.Default.ManagementMessage).Message);

    public static void Pool(byte[] body, TextWriter output)
    {
        var pool = Read(body, PoolJson.Default.PoolFigures);
        Write(
            Pairs(
                ("total", Number(pool.Total)),
                ("free", Number(pool.Free)),
                ("active", Number(pool.Active)),
                ("reserved", Number(pool.Reserved)),
                ("in flight", Number(pool.InFlight)),
                ("waiting", Number(pool.Waiting)),
                ("next release", pool.NextRelease is { } next ? string.Create(CultureInfo.InvariantCulture, $"in {next:0.0} s") : null),
                ("rebuilt at", Time(pool.RebuiltAt)),
                ("node", pool.Node)),
            output);
    }

    public static void Token(byte[] body, TextWriter output)
    {
        var token = Read(body, PoolJson.Default.ManagedToken);
        Write(
            Pairs(
                ("id", token.Id.ToString()),
                ("ordinal", Number(token.Ordinal)),
                ("status", token.Status),
                ("fence", Number(token.Fence)),
                ("usage", token.UsageId?.ToString()),
                ("user", token.CurrentUserId?.ToString()),
                ("activated at", Time(token.ActivatedAt)),
                ("expires at", Time(token.ExpiresAt))),
            output);
    }

    public static void Cleared(byte[] body, TextWriter output)
    {
        var cleared = Read(body, PoolJson.Default.ClearedTokens);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{cleared.Message}: {cleared.Count}"));
    }

    private static string Notes(ClusterMembers cluster, string node) => string.Join(
        ", ",
        new[]
        {
            (node == cluster.SelfNode, "this node"),
            (node == cluster.Leader, "leader"),
            (node == cluster.Oldest, "oldest"),
            (cluster.Unreachable.Any(member => member.Node == node), "UNREACHABLE"),
        }.Where(note => note.Item1).Select(note => note.Item2));

    private static Table Pairs(params (string Name, string? Value)[] pairs)
    {
        var table = Plain("", "").HideHeaders();
        foreach (var (name, value) in pairs)
            table.AddRow(Cells(name, value ?? "-"));
        return table;
    }

    private static Table Plain(params string[] columns)
    {
        var table = new Table().Border(TableBorder.None);
        foreach (var column in columns)
            table.AddColumn(new TableColumn(new Text(column)).PadLeft(0).PadRight(2));
        return table;
    }

    // As text: what a node says is not markup.
    private static Text[] Cells(params string[] cells) => [.. cells.Select(cell => new Text(cell))];

    private static void Write(Table table, TextWriter output)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(output),
        });
        if (output != Console.Out || Console.IsOutputRedirected)
            console.Profile.Width = Unlimited;
        console.Write(table);
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string? Time(DateTimeOffset? time) =>
        time?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static T Read<T>(byte[] body, JsonTypeInfo<T> type) =>
        JsonSerializer.Deserialize(body, type) ?? throw new JsonException("null");
}
