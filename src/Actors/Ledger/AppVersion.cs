using System.Globalization;

namespace TokenManager.Actors.Ledger;

/// <summary>Orders app versions in the database, where only texts can be compared.</summary>
internal static class AppVersion
{
    private const int Parts = 4;

    /// <summary>
    /// One to four numbers with dots between them; missing ones count as 0, and what follows '+' or '-' does not
    /// count.
    /// </summary>
    /// <returns>Digits of fixed width.</returns>
    internal static string ToSortableKey(string appVersion)
    {
        var end = appVersion.AsSpan().IndexOfAny('+', '-');
        var parts = (end < 0 ? appVersion : appVersion[..end]).Split('.');
        if (parts.Length > Parts)
            throw new ArgumentException($"'{appVersion}' has more than {Parts} parts.", nameof(appVersion));

        var key = "";
        for (var part = 0; part < Parts; part++)
        {
            var number = 0u;
            if (part < parts.Length
                && !uint.TryParse(parts[part], NumberStyles.None, CultureInfo.InvariantCulture, out number))
                throw new ArgumentException($"'{appVersion}' is not a dotted numeric version.", nameof(appVersion));
            key += number.ToString("D10", CultureInfo.InvariantCulture);
        }

        return key;
    }
}
