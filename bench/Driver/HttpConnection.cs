using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;

namespace TokenManager.Bench.Driver;

/// <summary>An answer; its spans are the connection's, and good until its next exchange.</summary>
internal readonly ref struct HttpAnswer(int status, ReadOnlySpan<byte> head, ReadOnlySpan<byte> body)
{
    public int Status { get; } = status;

    /// <summary>Status line and headers.</summary>
    public ReadOnlySpan<byte> Head { get; } = head;

    public ReadOnlySpan<byte> Body { get; } = body;
}

/// <summary>
/// One connection of HTTP/1.1, kept alive: one question at a time, prepared bytes in and bytes out. It understands what
/// the servers here send and nothing else, and blocks its thread: on a machine that server and driver share, whatever
/// the driver does is taken from the server.
/// </summary>
internal sealed class HttpConnection : IDisposable
{
    private const int NotModified = 304;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp)
    {
        NoDelay = true,
        ReceiveTimeout = (int)Patience.TotalMilliseconds,
    };

    private byte[] _buffer = new byte[64 * 1024];

    public HttpConnection(Uri target) => _socket.Connect(IPAddress.Parse(target.Host), target.Port);

    /// <summary>How long the last exchange took, in units of the clock.</summary>
    public long Took { get; private set; }

    /// <summary>Sends a request and waits for the whole answer.</summary>
    /// <exception cref="WrongAnswerException">It is not HTTP as servers here speak it.</exception>
    public HttpAnswer Exchange(ReadOnlySpan<byte> request)
    {
        var started = TimeProvider.System.GetTimestamp();
        _socket.Send(request);

        var length = 0;
        int headEnd;
        do
        {
            length += Receive(length);
        }
        while ((headEnd = _buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8)) < 0);

        var bodyStart = headEnd + 4;
        var status = Utf8Parser.TryParse(_buffer.AsSpan("HTTP/1.1 ".Length, 3), out int code, out _) ? code : 0;
        var end = bodyStart + (status == NotModified ? 0 : BodyLength(_buffer.AsSpan(0, headEnd + 2)));
        while (length < end) length += Receive(length);
        if (length > end) throw new WrongAnswerException($"{length - end} bytes came after the answer's end.");

        Took = TimeProvider.System.GetTimestamp() - started;
        return new HttpAnswer(status, _buffer.AsSpan(0, headEnd), _buffer.AsSpan(bodyStart, end - bodyStart));
    }

    public void Dispose() => _socket.Dispose();

    private int Receive(int length)
    {
        if (length == _buffer.Length) Array.Resize(ref _buffer, 2 * length);
        var received = _socket.Receive(_buffer.AsSpan(length));
        return received > 0 ? received : throw new WrongAnswerException("The connection was closed instead of an answer.");
    }

    private static int BodyLength(ReadOnlySpan<byte> head)
    {
        var name = "\r\nContent-Length: "u8;
        var start = head.IndexOf(name);
        return start >= 0 && Utf8Parser.TryParse(head[(start + name.Length)..], out int length, out _)
            ? length
            : throw new WrongAnswerException("An answer says nothing of its length.");
    }
}
