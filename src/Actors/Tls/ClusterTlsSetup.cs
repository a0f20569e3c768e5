using Akka.Actor.Setup;

namespace TokenManager.Actors.Tls;

/// <summary>Hands the certificates to the transport, which the actor system makes by itself.</summary>
internal sealed class ClusterTlsSetup(ClusterTls tls) : Setup
{
    public ClusterTls Tls => tls;
}
