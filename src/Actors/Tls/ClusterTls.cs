using System.Security.Cryptography.X509Certificates;

namespace TokenManager.Actors.Tls;

/// <summary>
/// What a node shows to other nodes, and what it asks of them: a certificate of the cluster's own authority. Whoever has
/// one is a node, under whatever name; the system's trust store counts for nothing.
/// </summary>
/// <param name="certificate">The node's certificate with its private key.</param>
/// <param name="intermediates">What lies between the certificate and the authority.</param>
/// <param name="authorities">Self-signed certificates, one of which everything has to lead to.</param>
public sealed class ClusterTls(
    X509Certificate2 certificate, X509Certificate2Collection intermediates, X509Certificate2Collection authorities)
{
    /// <summary>The node's certificate with its private key.</summary>
    public X509Certificate2 Certificate => certificate;

    /// <summary>Why a certificate is not accepted, as the end of a sentence that begins with it; null if it is.</summary>
    /// <param name="presented">The certificate in question.</param>
    /// <param name="sentAlong">What its owner sent with it.</param>
    public string? Problem(X509Certificate2 presented, X509Certificate2Collection? sentAlong = null)
    {
        ArgumentNullException.ThrowIfNull(presented);
        using var chain = new X509Chain();
        var policy = chain.ChainPolicy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.CustomTrustStore.AddRange(authorities);
        policy.ExtraStore.AddRange(intermediates);
        if (sentAlong is not null) policy.ExtraStore.AddRange(sentAlong);
        policy.RevocationMode = X509RevocationMode.NoCheck;
        // What a stranger sends must not make a node fetch anything.
        policy.DisableCertificateDownloads = true;
        if (chain.Build(presented)) return null;

        var flags = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, one) => all | one.Status);
        return flags.HasFlag(X509ChainStatusFlags.NotTimeValid)
            ? $"has expired or is not valid yet: it, or what signed it, is out of its time (its own is {presented.NotBefore:u} to {presented.NotAfter:u})"
            : $"is not signed by the cluster's authority ({flags})";
    }
}
