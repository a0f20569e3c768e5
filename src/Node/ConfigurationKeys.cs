using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Npgsql;
using TokenManager.Actors;

namespace TokenManager.Node;

/// <summary>
/// One key: its default as text, what is allowed in words, and how a text becomes a part of the options. <c>Read</c>
/// answers null to a text that is not allowed.
/// </summary>
internal sealed partial record ConfigurationKey(
    string Name, string Default, string Allowed, Func<NodeOptions, string, NodeOptions?> Read)
{
    /// <summary>The value may hold a password.</summary>
    public bool IsSecret { get; init; }

    /// <summary>The value may also be given item by item (<c>key:0</c>, <c>key:1</c>).</summary>
    public bool IsList { get; init; }

    public bool IsGivenTwice(IConfiguration configuration) =>
        IsList && !string.IsNullOrEmpty(configuration[Name]) && Items(configuration).Length > 0;

    public string TextIn(IConfiguration configuration)
    {
        if (this == ConfigurationKeys.Urls) return UrlsIn(configuration) ?? Default;
        if (IsList && Items(configuration) is { Length: > 0 } items) return string.Join(',', items);
        return configuration[Name] ?? Default;
    }

    public string Refuse(string text)
    {
        var value = IsSecret ? "not shown" : $"\"{OneLine.Of(Password().Replace(text, "***"))}\"";
        return $"{Name} is {value}; allowed is {Allowed}.";
    }

    private string[] Items(IConfiguration configuration) =>
        [.. configuration.GetSection(Name).GetChildren().Select(child => child.Value ?? "")];

    // The host's own convention: ports alone listen on every address, and urls win over ports.
    private static string? UrlsIn(IConfiguration configuration)
    {
        if (configuration["urls"] is { Length: > 0 } urls) return urls;
        string[] ports = [.. Ports("http"), .. Ports("https")];
        return ports.Length > 0 ? string.Join(';', ports) : null;

        IEnumerable<string> Ports(string scheme) =>
            (configuration[$"{scheme}_ports"] ?? "")
                .Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Select(port => $"{scheme}://*:{port}");
    }

    [GeneratedRegex("(?<=//[^/@]*:)[^/]*(?=@)", RegexOptions.CultureInvariant)]
    private static partial Regex Password();
}

/// <summary>
/// The one table of what can be configured. Texts are read strictly and by no culture's rules: a value that looks
/// right and means something else is worse than one that is refused.
/// </summary>
internal static partial class ConfigurationKeys
{
    private const string Root = "TokenManager";

    public static readonly ConfigurationKey Urls = new(
        "urls",
        "http://localhost:4000",
        "absolute http or https addresses separated by \";\", such as http://localhost:4000 or http://127.0.0.1:0"
            + " (from ASPNETCORE_URLS or --urls)",
        (options, text) => Split(text, ';') is { Length: > 0 } urls && urls.All(IsListenAddress)
            ? options with { Urls = urls }
            : null);

    public static readonly ConfigurationKey ConnectionString = new(
        "ConnectionStrings:TokenManager",
        "",
        "empty (SQLite) or a PostgreSQL connection string such as "
            + "\"Host=localhost;Database=tokenmanager;Username=tokenmanager;Password=...\"",
        (options, text) => text.Length == 0 || IsPostgres(text) ? options with { ConnectionString = text } : null)
    {
        IsSecret = true,
    };

    public static readonly ConfigurationKey DataDirectory = new(
        "TokenManager:DataDirectory",
        "./data",
        "a folder that exists or can be made, and can be written to",
        (options, text) => text.AsSpan().Trim().Length > 0 && !text.Contains('\0')
            ? options with { DataDirectory = text }
            : null);

    public static readonly ConfigurationKey SeedNodes = new(
        "TokenManager:Cluster:SeedNodes",
        "",
        "a list of host:port, as one text separated by \",\" or item by item, such as node-1:4053,node-2:4053",
        (options, text) => text.Length == 0 || Array.TrueForAll(text.Split(','), item => IsHostAndPort(item.Trim()))
            ? options with { Cluster = options.Cluster with { SeedNodes = Split(text, ',') } }
            : null)
    {
        IsList = true,
    };

    public static readonly ConfigurationKey Discovery = new(
        "TokenManager:Cluster:Discovery",
        "",
        "empty, Database, Seeds or None",
        (options, text) => text.Length == 0 ? options with { Discovery = null }
            : Named<ClusterDiscovery>(text) is { } discovery ? options with { Discovery = discovery }
            : null);

    public static readonly ConfigurationKey ManagementUrl = new(
        "TokenManager:Management:Url",
        "http://127.0.0.1:8558",
        "empty (off) or one absolute http address such as http://127.0.0.1:8558",
        // "*" for a host is a listen address, but no URI.
        (options, text) => text.Length == 0 ? options with { ManagementUrl = null }
            : IsListenAddress(text) && Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttp
                ? options with { ManagementUrl = url }
                : null);

    public static readonly ConfigurationKey TlsCertificate = File(
        "TokenManager:Cluster:Tls:Certificate",
        "empty (no TLS) or the path of a PEM file, or of a PFX file without a password, with this node's certificate, which "
            + "the authority has signed",
        (files, path) => files with { Certificate = path });

    public static readonly ConfigurationKey TlsKey = File(
        "TokenManager:Cluster:Tls:Key",
        "empty (it is in the certificate's file) or the path of a PEM file with the certificate's private key, unencrypted",
        (files, path) => files with { Key = path });

    public static readonly ConfigurationKey TlsAuthority = File(
        "TokenManager:Cluster:Tls:Authority",
        "empty (no TLS) or the path of a PEM file with the self-signed certificates of which one has signed every node's",
        (files, path) => files with { Authority = path });

    public static readonly IReadOnlyList<ConfigurationKey> All =
    [
        Urls,
        ConnectionString,
        DataDirectory,
        Whole("TokenManager:Pool:Size", "100", 1, 1_000_000,
            (options, size) => options with { Pool = options.Pool with { Size = size } }),
        Span("TokenManager:Pool:Lease", "00:02:00", "00:00:01", "1.00:00:00",
            (options, lease) => options with { Pool = options.Pool with { Lease = lease } }),
        Span("TokenManager:Pool:SweepInterval", "00:00:10", "00:00:01", "01:00:00",
            (options, interval) => options with { Pool = options.Pool with { SweepInterval = interval } }),
        Name<WhenExhausted>("TokenManager:Pool:WhenExhausted", "Reject",
            (options, rule) => options with { Pool = options.Pool with { WhenExhausted = rule } }),
        Whole("TokenManager:Pool:MaxWaiting", "10000", 1, 1_000_000,
            (options, waiting) => options with { Pool = options.Pool with { MaxWaiting = waiting } }),
        new("TokenManager:Cluster:Hostname", "127.0.0.1",
            "a host name or IP address that other nodes can reach",
            (options, text) => IsHost(text)
                ? options with { Cluster = options.Cluster with { Hostname = text } }
                : null),
        Whole("TokenManager:Cluster:Port", "4053", 0, 65_535,
            (options, port) => options with { Cluster = options.Cluster with { Port = port } }),
        Discovery,
        SeedNodes,
        Span("TokenManager:Cluster:StableAfter", "00:00:03", "00:00:01", "00:01:00",
            (options, span) => options with { Cluster = options.Cluster with { StableAfter = span } }),
        TlsCertificate,
        TlsKey,
        TlsAuthority,
        Span("TokenManager:Shutdown:DrainDelay", "00:00:03", "00:00:00", "00:05:00",
            (options, delay) => options with { DrainDelay = delay }),
        ManagementUrl,
        new("TokenManager:Pbm:Host", "127.0.0.1",
            "an IP address of this machine",
            (options, text) => IPAddress.TryParse(text, out _) ? options with { Pbm = options.Pbm with { Host = text } } : null),
        Whole("TokenManager:Pbm:Port", "9110", 1, 65_535,
            (options, port) => options with { Pbm = options.Pbm with { Port = port } }),
    ];

    /// <summary>
    /// One line for each key that nobody reads, below <c>TokenManager</c>, below <c>ConnectionStrings</c>, or where the first
    /// was misspelt: the node would not do what it was told, on another database maybe. Values stay unsaid: they may be
    /// secrets.
    /// </summary>
    public static IEnumerable<string> Unknown(IConfiguration configuration) =>
        from pair in configuration.AsEnumerable()
        where pair.Value is not null && IsMeantForUs(pair.Key) && !All.Any(key => Covers(key, pair.Key))
        select Unknown(pair.Key);

    /// <summary>Says that nobody reads a key, and which one may have been meant.</summary>
    public static string Unknown(string key) => $"{OneLine.Of(key)} is not a known key; the nearest one is {Nearest(key).Name}.";

    private static bool IsMeantForUs(string key) => key.Split(':') switch
    {
        [var root, _, ..] => root.Equals("ConnectionStrings", StringComparison.OrdinalIgnoreCase)
            || Distance(root.ToUpperInvariant(), Root.ToUpperInvariant()) <= 2,
        // One underscore instead of two. In capitals it would be what Kubernetes tells pods about a service of that name.
        [var name] => name.StartsWith($"{Root}_", StringComparison.Ordinal),
        _ => false,
    };

    private static bool Covers(ConfigurationKey key, string name) =>
        name.Equals(key.Name, StringComparison.OrdinalIgnoreCase)
        || (key.IsList
            && name.StartsWith($"{key.Name}:", StringComparison.OrdinalIgnoreCase)
            && WholeNumber(name[(key.Name.Length + 1)..]) is not null);

    private static ConfigurationKey Nearest(string name) =>
        All.FirstOrDefault(key => key.Name.EndsWith($":{name}", StringComparison.OrdinalIgnoreCase))
        ?? All.MinBy(key => Distance(key.Name.ToUpperInvariant(), name.ToUpperInvariant()))!;

    // Levenshtein's, one row at a time.
    private static int Distance(string one, string other)
    {
        int[] row = [.. Enumerable.Range(0, other.Length + 1)];
        for (var i = 1; i <= one.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= other.Length; j++)
            {
                var replaced = diagonal + (one[i - 1] == other[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, 1 + Math.Min(row[j], row[j - 1]));
            }
        }

        return row[^1];
    }

    private static ConfigurationKey Whole(
        string name, string @default, int least, int most, Func<NodeOptions, int, NodeOptions> set) =>
        new(name, @default, string.Create(CultureInfo.InvariantCulture, $"a whole number from {least} to {most}"),
            (options, text) => WholeNumber(text) is { } value && value >= least && value <= most
                ? set(options, value)
                : null);

    private static ConfigurationKey Span(
        string name, string @default, string least, string most, Func<NodeOptions, TimeSpan, NodeOptions> set) =>
        new(name, @default, $"a time from {least} to {most}, written [d.]hh:mm:ss[.fff]",
            (options, text) => Time(text) is { } value && value >= Time(least) && value <= Time(most)
                ? set(options, value)
                : null);

    private static ConfigurationKey Name<T>(string name, string @default, Func<NodeOptions, T, NodeOptions> set)
        where T : struct, Enum =>
        new(name, @default, string.Join(" or ", Enum.GetNames<T>()),
            (options, text) => Named<T>(text) is { } value ? set(options, value) : null);

    private static ConfigurationKey File(string name, string allowed, Func<TlsFiles, string, TlsFiles> set) =>
        new(name, "", allowed,
            (options, text) => text.Contains('\0') ? null : options with { Tls = set(options.Tls, text) });

    // Enum.TryParse would also take numbers and lists.
    private static T? Named<T>(string text)
        where T : struct, Enum =>
        Array.FindIndex(Enum.GetNames<T>(), one => one.Equals(text, StringComparison.OrdinalIgnoreCase)) is >= 0 and var index
            ? Enum.GetValues<T>()[index]
            : null;

    private static int? WholeNumber(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;

    // TimeSpan.Parse alone reads "5" and "24:00:00" as days.
    private static TimeSpan? Time(string text) =>
        TimePattern().IsMatch(text) && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var value) ? value : null;

    private static bool IsPostgres(string text)
    {
        try
        {
            return !string.IsNullOrWhiteSpace(new NpgsqlConnectionStringBuilder(text).Host);
        }
        catch (Exception failure) when (failure is ArgumentException or FormatException or OverflowException
            or InvalidCastException or NotSupportedException)
        {
            return false;
        }
    }

    private static bool IsHostAndPort(string text) =>
        text.LastIndexOf(':') is > 0 and var colon
        && IsHost(text[..colon])
        && WholeNumber(text[(colon + 1)..]) is >= 1 and <= 65_535;

    // Nobody reaches a node by "any address".
    private static bool IsHost(string text) =>
        Uri.CheckHostName(text) != UriHostNameType.Unknown
        && !(IPAddress.TryParse(text, out var address)
            && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)));

    private static bool IsListenAddress(string text)
    {
        if (AddressPattern().Match(text) is not { Success: true } match) return false;

        var host = match.Groups["host"].Value;
        var port = match.Groups["port"].Success ? WholeNumber(match.Groups["port"].Value) : 80;
        return port is >= 0 and <= 65_535
            && (host is "*" or "+" || Uri.CheckHostName(host) != UriHostNameType.Unknown)
            // Two sockets, one for each loopback address, cannot share a port that is not known yet.
            && !(port == 0 && host.Equals("localhost", StringComparison.OrdinalIgnoreCase));
    }

    private static string[] Split(string text, char separator) =>
        text.Split(separator, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    [GeneratedRegex(@"\A([0-9]{1,7}\.)?([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,3})?\z", RegexOptions.CultureInvariant)]
    private static partial Regex TimePattern();

    [GeneratedRegex(@"\Ahttps?://(?<host>\[[^\]@/]+\]|[^:@/\[\]\s]+)(:(?<port>[0-9]+))?/?\z",
        RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex AddressPattern();
}
