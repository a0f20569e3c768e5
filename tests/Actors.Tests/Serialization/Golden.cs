using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Serialization;

/// <summary>What is in the golden files. Files are added, never changed: journals hold such bytes for ever.</summary>
internal static class Golden
{
    public static IReadOnlyDictionary<string, object> Stored { get; } = new Dictionary<string, object>
    {
        ["token-activated-v1.hex"] = new TokenEvent.TokenActivated(
            Make.Token(1), Make.Usage(2), Make.User(3), 4, Make.Start.AddMicroseconds(5), Make.Start.AddMicroseconds(5) + Make.Lease),
        ["token-released-v1.hex"] = new TokenEvent.TokenReleased(
            Make.Token(1), Make.Usage(2), 4, Make.Start.AddMicroseconds(7), EndReason.Evicted),
        ["token-available-new-v1.hex"] = new TokenState.Available(Last: null),
        ["token-available-v1.hex"] = new TokenState.Available(Make.Ended(1, 4, 2, EndReason.Cleared)),
        ["token-active-v1.hex"] = new TokenState.Active(Make.Open(1, 4, 2)),
    };

    public static string Read(string file)
    {
        using var stream = typeof(Golden).Assembly.GetManifestResourceStream($"Golden/{file}")
            ?? throw new FileNotFoundException($"There is no golden file {file}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
