using System.ComponentModel;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Akka.Actor;
using Akka.Configuration;
using Akka.Remote.Transport;

namespace TokenManager.Actors.Tls;

/// <summary>
/// Shakes hands with a peer once before the transport below does. Invariant: nothing that a peer does makes this node end.
/// Akka.Remote ends the whole actor system when a handshake that it began fails, so one node that comes back with a wrong
/// certificate, or with none, would take every other node with it. Here it is a peer that cannot be reached, like others.
/// </summary>
internal sealed class HandshakeFirstTransport : Transport
{
    // What transport-class is by default. It is not public.
    private const string Inner = "Akka.Remote.Transport.DotNetty.TcpTransport, Akka.Remote";

    // As long as a connection may take: see tokenmanager.conf.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(3);

    /// <summary>
    /// Makes Akka.Remote use it. Batching is off: with TLS, what came before a handshake's end was noticed is handed on without
    /// the word that reading is over, until which its writer keeps answers back. An association's answer is all there is to
    /// say then, so one in twenty of them was not to be had.
    /// </summary>
    internal static readonly string Settings =
        $$"""
        akka.remote.dot-netty.tcp {
          enable-ssl = on
          transport-class = "{{typeof(HandshakeFirstTransport).AssemblyQualifiedName}}"
          batching.enabled = off
        }

        """;

    private readonly Transport _inner;
    private readonly ClusterTls _tls;

    // Called by Akka.Remote, which knows it by name. An adapter would be the proper place, but their names are read with
    // the quotes around them and never found.
    public HandshakeFirstTransport(ActorSystem system, Config config)
    {
        System = system;
        Config = config;
        _tls = system.Settings.Setup.Get<ClusterTlsSetup>().Value.Tls;
        _inner = (Transport)Activator.CreateInstance(Type.GetType(Inner, throwOnError: true)!, system, config)!;
    }

    public override string SchemeIdentifier => _inner.SchemeIdentifier;

    public override long MaximumPayloadBytes => _inner.MaximumPayloadBytes;

    public override Task<(Address, TaskCompletionSource<IAssociationEventListener>)> Listen() => _inner.Listen();

    public override bool IsResponsibleFor(Address remote) => _inner.IsResponsibleFor(remote);

    public override async Task<AssociationHandle> Associate(Address remoteAddress)
    {
        if (await ProblemAsync(remoteAddress) is { } problem)
            throw new InvalidAssociationException($"No TLS connection to {remoteAddress}: {problem}");
        return await _inner.Associate(remoteAddress);
    }

    public override Task<bool> Shutdown() => _inner.Shutdown();

    public override Task<bool> ManagementCommand(object message) => _inner.ManagementCommand(message);

    private async Task<string?> ProblemAsync(Address remote)
    {
        string? refused = null;
        using var timeout = new CancellationTokenSource(Longest);
        try
        {
            using var client = new TcpClient();
            if (IPAddress.TryParse(remote.Host, out var address)) await client.ConnectAsync(address, remote.Port!.Value, timeout.Token);
            else await client.ConnectAsync(remote.Host, remote.Port!.Value, timeout.Token);

            await using var stream = new SslStream(client.GetStream());
            await stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = remote.Host,
                    LocalCertificateSelectionCallback = (_, _, _, _, _) => _tls.Certificate,
                    RemoteCertificateValidationCallback = (_, certificate, chain, _) =>
                    {
                        refused = Refusal(certificate, chain);
                        return refused is null;
                    },
                },
                timeout.Token);
            return null;
        }
        catch (Exception failure) when (failure is AuthenticationException or IOException or SocketException
            or OperationCanceledException or Win32Exception)
        {
            return refused ?? failure switch
            {
                OperationCanceledException => $"no handshake within {Longest.TotalSeconds} s",
                AuthenticationException or IOException =>
                    $"the other side speaks no TLS, or does not accept this node's certificate ({failure.Message})",
                _ => failure.Message,
            };
        }
    }

    private string? Refusal(X509Certificate? presented, X509Chain? chain) =>
        presented is not X509Certificate2 certificate ? "the other side has no certificate"
        : _tls.Problem(certificate, chain?.ChainPolicy.ExtraStore) is { } problem ? $"its certificate {certificate.Subject} {problem}"
        : null;
}
