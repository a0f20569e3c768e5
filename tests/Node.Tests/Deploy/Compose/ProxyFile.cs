using System.Text.RegularExpressions;

namespace TokenManager.Node.Tests.Deploy.Compose;

/// <summary>What HAProxy's configuration says of the nodes.</summary>
internal sealed partial record ProxyFile(string Port, string Check, string RetryOn, IReadOnlyList<IReadOnlyList<string>> Backends)
{
    public const string FileName = "deploy/haproxy/haproxy.cfg";

    public static ProxyFile Parse(string text) => new(
        One(text, @"bind :(\d+)"),
        One(text, @"option httpchk (.+)"),
        One(text, @"retry-on (.+)"),
        [.. Backend().Split(text)[1..].Select(backend => (string[])[.. Server().Matches(backend).Select(match => match.Groups[1].Value)])]);

    private static string One(string text, string directive) => Regex.Match(text, $@"^\s*{directive}$", RegexOptions.Multiline).Groups[1].Value;

    [GeneratedRegex(@"^backend .+$", RegexOptions.Multiline)]
    private static partial Regex Backend();

    [GeneratedRegex(@"^\s*server (.+)$", RegexOptions.Multiline)]
    private static partial Regex Server();
}
