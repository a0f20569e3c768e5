namespace TokenManager.Node.Terminal;

/// <summary>Tells a command from a node's configuration, so that neither, misspelt, starts a node that does something else.</summary>
internal static class Arguments
{
    private static readonly string[] OwnOptions = ["--json", "--url", "--help", "-h", "-?", "/?", "/h", "--version"];

    // The product's, and what the host reads.
    private static readonly string[] Roots =
    [
        "TokenManager", "ConnectionStrings", "Logging", "Kestrel", "AllowedHosts", "urls", "http_ports", "https_ports",
        "environment", "contentRoot", "applicationName", "hostBuilder",
    ];

    /// <summary>
    /// True if there is a word that configuration would ignore: one that is neither <c>--key=value</c> or
    /// <c>key=value</c> nor the value of a <c>--key</c> before it. Or an option that only commands have.
    /// </summary>
    public static bool AreCommand(IReadOnlyList<string> arguments)
    {
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            if (OwnOptions.Contains(argument, StringComparer.Ordinal)
                || argument.StartsWith("--url=", StringComparison.Ordinal))
                return true;
            if (argument.Contains('=', StringComparison.Ordinal)) continue;

            // As the configuration provider reads it: a key takes whatever comes next for its value.
            if (argument.StartsWith("--", StringComparison.Ordinal) || argument.StartsWith('/')) i++;
            else if (!argument.StartsWith('-')) return true;
        }

        return false;
    }

    /// <summary>One line for each argument that a node would not hear: a key that nobody reads, or one without a value.</summary>
    public static IEnumerable<string> Problems(IReadOnlyList<string> arguments)
    {
        for (var i = 0; i < arguments.Count; i++)
        {
            var (key, hasValue) = arguments[i].Split('=', 2) is [var left, _] ? (left, true) : (arguments[i], ++i < arguments.Count);
            key = key.TrimStart('-', '/');
            if (!Roots.Contains(key.Split(':')[0], StringComparer.OrdinalIgnoreCase)) yield return ConfigurationKeys.Unknown(key);
            else if (!hasValue) yield return $"{OneLine.Of(key)} has no value; write --{OneLine.Of(key)}=value.";
        }
    }
}
