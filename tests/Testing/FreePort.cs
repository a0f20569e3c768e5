using System.Net;
using System.Net.Sockets;

namespace TokenManager.Testing;

/// <summary>Ports for what has to know its port before it starts, such as seed nodes.</summary>
public static class FreePort
{
    /// <summary>A loopback port that nobody listens on now. Somebody may a moment later: prefer port 0 where possible.</summary>
    public static int Pick()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
