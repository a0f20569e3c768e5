using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace TokenManager.Contract;

/// <summary>Sends bytes that no decent client would, and reads one answer.</summary>
public static class RawHttp
{
    /// <summary>Sends the parts one by one; gives head and body of the first answer as they came.</summary>
    public static async Task<string> SendAsync(Uri address, params IEnumerable<string> parts)
    {
        using var socket = new TcpClient { NoDelay = true };
        await socket.ConnectAsync(address.Host, address.Port);
        var stream = socket.GetStream();
        foreach (var part in parts) await stream.WriteAsync(Encoding.UTF8.GetBytes(part));
        return await ReadAnswerAsync(stream);
    }

    /// <summary>
    /// Reads no further than the answer goes: a server that refuses a body half-way keeps the connection for a
    /// while, and may then reset it.
    /// </summary>
    private static async Task<string> ReadAnswerAsync(NetworkStream stream)
    {
        var answer = new StringBuilder();
        var buffer = new byte[4096];
        while (!IsWhole(answer.ToString()))
        {
            var read = await stream.ReadAsync(buffer);
            if (read == 0) break;
            answer.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }

        return answer.ToString();
    }

    private static bool IsWhole(string answer)
    {
        var head = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
        if (head < 4) return false;

        const string name = "\r\nContent-Length: ";
        var length = answer.IndexOf(name, 0, head, StringComparison.OrdinalIgnoreCase);
        if (length < 0) return false;

        var start = length + name.Length;
        var digits = answer[start..answer.IndexOf('\r', start)];
        return answer.Length >= head + int.Parse(digits, CultureInfo.InvariantCulture);
    }
}
