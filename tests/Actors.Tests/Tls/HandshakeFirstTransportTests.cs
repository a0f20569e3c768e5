using System.Security.Cryptography.X509Certificates;
using Akka.Actor;
using Akka.Remote.Transport;
using Akka.Remote.Transport.DotNetty;
using Google.Protobuf;
using TokenManager.Actors.Tls;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Tls;

/// <summary>Connections with TLS, below everything that Akka.Remote says on them.</summary>
public sealed class HandshakeFirstTransportTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly List<(ActorSystem System, HandshakeFirstTransport Transport)> _opened = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var (system, transport) in _opened)
        {
            await transport.Shutdown();
            await system.Terminate();
        }
    }

    /// <summary>
    /// A node that begins an association waits for the other's half of it, and the other one sends that as soon as it has
    /// heard of the first: while it may not have noticed yet that its handshake is over.
    /// </summary>
    [Fact]
    public async Task Who_is_answered_at_once_hears_it_without_saying_more()
    {
        using var authority = new CertificateAuthority("the cluster's authority");
        var (address, associations) = await Open(authority).Listen();
        associations.SetResult(new Answering());
        var caller = Open(authority);
        await caller.Listen();

        for (var number = 1; number <= 150; number++)
        {
            var half = ByteString.CopyFromUtf8($"half {number}");
            var handle = await caller.Associate(address);
            var answer = new Answer();
            handle.ReadHandlerSource.SetResult(answer);
            Assert.True(handle.Write(half));
            Assert.Equal(half, await answer.Payload.WaitAsync(Patience));
            handle.Disassociate("it was answered", caller.System.Log);
        }
    }

    private HandshakeFirstTransport Open(CertificateAuthority authority)
    {
        var certificate = authority.Issue("node");
        var tls = new ClusterTls(certificate, [], [X509Certificate2.CreateFromPem(authority.Pem)]);
        var system = ActorSystem.Create(
            "transport",
            BootstrapSetup.Create()
                .WithConfig(HandshakeFirstTransport.Settings + "akka.remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0 }")
                .WithActorRefProvider(ProviderSelection.Remote.Instance)
                .And(new ClusterTlsSetup(tls))
                .And(new DotNettySslSetup(
                    certificate,
                    suppressValidation: false,
                    requireMutualAuthentication: true,
                    customValidator: (_, _, _, _, _) => true)));
        var transport = new HandshakeFirstTransport(system, system.Settings.Config.GetConfig("akka.remote.dot-netty.tcp"));
        _opened.Add((system, transport));
        return transport;
    }

    private sealed class Answering : IAssociationEventListener
    {
        public void Notify(IAssociationEvent associationEvent)
        {
            var handle = ((InboundAssociation)associationEvent).Association;
            handle.ReadHandlerSource.SetResult(new Echo(handle));
        }
    }

    private sealed class Echo(AssociationHandle handle) : IHandleEventListener
    {
        public void Notify(IHandleEvent handleEvent)
        {
            if (handleEvent is InboundPayload { Payload: var payload }) Task.Run(() => handle.Write(payload));
        }
    }

    private sealed class Answer : IHandleEventListener
    {
        private readonly TaskCompletionSource<ByteString> _payload = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<ByteString> Payload => _payload.Task;

        public void Notify(IHandleEvent handleEvent)
        {
            if (handleEvent is InboundPayload { Payload: var payload }) _payload.TrySetResult(payload);
        }
    }
}
