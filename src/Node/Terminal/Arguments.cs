namespace TokenManager.Node.Terminal;

/// <summary>Tells a command from a node's configuration, so that a misspelt command never starts a node.</summary>
internal static class Arguments
{
    private static readonly string[] OwnOptions = ["--json", "--url", "--help", "-h", "-?", "/?", "/h", "--version"];

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
}
