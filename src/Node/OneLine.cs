using System.Text;

namespace TokenManager.Node;

/// <summary>Whatever a text holds, it stays one line of bearable length.</summary>
internal static class OneLine
{
    private const int Longest = 300;

    public static string Of(string text)
    {
        var line = new StringBuilder(Math.Min(text.Length, Longest) + 1);
        foreach (var character in text.ReplaceLineEndings(" "))
        {
            if (line.Length == Longest) return line.Append('…').ToString();
            line.Append(char.IsControl(character) ? ' ' : character);
        }

        return line.ToString();
    }

    /// <summary>What an exception says, without the wrappers around it and without its stack.</summary>
    public static string Of(Exception failure) =>
        failure is AggregateException { InnerException: { } inner } ? Of(inner) : Of(failure.Message);
}
