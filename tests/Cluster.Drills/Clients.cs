namespace TokenManager.Cluster.Drills;

/// <summary>Clients as callers have them: with a connection pool, and with an end to their patience.</summary>
internal static class Clients
{
    /// <summary>Longer than the service promises to take.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    public static HttpClient For(Uri address) => new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(2) })
    {
        BaseAddress = address,
        Timeout = Patience,
    };
}
