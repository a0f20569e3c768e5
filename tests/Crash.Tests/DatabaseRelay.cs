using System.Net;
using System.Net.Sockets;
using Npgsql;
using TokenManager.Testing;

namespace TokenManager.Crash.Tests;

/// <summary>
/// One node's way to the database, which can be cut: as on a network that loses everything, connections stay and nothing
/// comes through.
/// </summary>
internal sealed class DatabaseRelay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ended = new();
    private readonly int _port;
    private readonly Task _accepting;
    private volatile TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private DatabaseRelay(int port)
    {
        _port = port;
        _listener.Start();
        _open.SetResult();
        _accepting = AcceptAsync();
    }

    /// <summary>Puts a relay between a node and its database.</summary>
    public static (DatabaseRelay Relay, NodeSettings Settings) Before(NodeSettings settings)
    {
        const string Key = "ConnectionStrings:TokenManager";
        var connection = new NpgsqlConnectionStringBuilder(settings.Configuration[Key]);
        var relay = new DatabaseRelay(connection.Port);
        connection.Port = ((IPEndPoint)relay._listener.LocalEndpoint).Port;
        var configuration = new Dictionary<string, string>(settings.Configuration) { [Key] = connection.ConnectionString };
        return (relay, settings with { Configuration = configuration });
    }

    public void Cut() => _open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Mend() => _open.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _accepting;
        _listener.Dispose();
        _ended.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
                connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_ended.Token)));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task ServeAsync(TcpClient node)
    {
        using var database = new TcpClient();
        try
        {
            await _open.Task.WaitAsync(_ended.Token);
            await database.ConnectAsync(IPAddress.Loopback, _port, _ended.Token);
            await Task.WhenAny(PassAsync(node, database), PassAsync(database, node));
        }
        catch (Exception failure) when (failure is OperationCanceledException or SocketException)
        {
            // Whoever connected sees it closed.
        }
        finally
        {
            node.Dispose();
        }
    }

    private async Task PassAsync(TcpClient from, TcpClient to)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            while (await from.GetStream().ReadAsync(buffer, _ended.Token) is var count and > 0)
            {
                await _open.Task.WaitAsync(_ended.Token);
                await to.GetStream().WriteAsync(buffer.AsMemory(0, count), _ended.Token);
            }
        }
        catch (Exception failure) when (failure is OperationCanceledException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The other direction ends with it.
        }
    }
}
