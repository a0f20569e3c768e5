using System.Net;
using System.Net.Sockets;

namespace TokenManager.Testing;

/// <summary>
/// Ports to listen on that must be known beforehand. They lie below those that the system gives to outgoing connections,
/// so that none is taken between being looked for and being used.
/// </summary>
public static class FreePorts
{
    private const int First = 15_000;
    private const int End = 32_000;

    private static readonly Lock Turn = new();
    private static int _next = Random.Shared.Next(First, End);

    /// <summary>A port that is free now, and that this process is not told again soon.</summary>
    public static int Next()
    {
        lock (Turn)
        {
            for (var tries = 0; tries < End - First; tries++)
            {
                var port = _next;
                _next = _next + 1 < End ? _next + 1 : First;
                if (IsFree(port)) return port;
            }
        }

        throw new InvalidOperationException($"There is no free port from {First} to {End}.");
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
