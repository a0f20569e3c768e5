namespace TokenManager.Actors.Tests.Model;

/// <summary>How long the specs wait for what must come: long enough that only what really hangs fails.</summary>
internal static class Patience
{
    public const string Config =
        """

        akka.test.default-timeout = 20s
        akka.test.single-expect-default = 20s
        """;
}
