using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace TokenManager.Testing;

/// <summary>An authority that nobody knows, and the certificates that it signs.</summary>
public sealed class CertificateAuthority : IDisposable
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private readonly X509Certificate2 _own;

    /// <summary>Makes an authority with a key of its own.</summary>
    public CertificateAuthority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        _own = Request(name, key, isAuthority: true).CreateSelfSigned(now - 10 * Day, now + 10 * Day);
    }

    private CertificateAuthority(X509Certificate2 own) => _own = own;

    /// <summary>The authority's certificate.</summary>
    public string Pem => _own.ExportCertificatePem();

    /// <summary>A certificate of this authority with its key, good for a day unless told otherwise.</summary>
    public X509Certificate2 Issue(string name, TimeSpan? validUntil = null) => Sign(name, isAuthority: false, validUntil ?? Day);

    /// <summary>An authority below this one.</summary>
    public CertificateAuthority IssueAuthority(string name) => new(Sign(name, isAuthority: true, 2 * Day));

    /// <summary>Writes <c>tls.crt</c>, <c>tls.key</c> and <c>ca.crt</c>, as Kubernetes mounts them.</summary>
    /// <returns>The configuration that names them.</returns>
    public IReadOnlyDictionary<string, string> Write(TemporaryFolder folder, string name, TimeSpan? validUntil = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        using var certificate = Issue(name, validUntil);
        return Write(folder, certificate, Pem);
    }

    /// <summary>Like <see cref="Write(TemporaryFolder, string, TimeSpan?)"/>, for a certificate that signed itself.</summary>
    public static IReadOnlyDictionary<string, string> WriteSelfSigned(TemporaryFolder folder, string name)
    {
        ArgumentNullException.ThrowIfNull(folder);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256).CreateSelfSigned(now - Day, now + Day);
        return Write(folder, certificate, certificate.ExportCertificatePem());
    }

    /// <inheritdoc />
    public void Dispose() => _own.Dispose();

    private static CertificateRequest Request(string name, ECDsa key, bool isAuthority)
    {
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request;
    }

    private X509Certificate2 Sign(string name, bool isAuthority, TimeSpan validUntil)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var signed = Request(name, key, isAuthority)
            .Create(_own, now - 2 * Day, now + validUntil, Guid.NewGuid().ToByteArray());
        return signed.CopyWithPrivateKey(key);
    }

    private static Dictionary<string, string> Write(TemporaryFolder folder, X509Certificate2 certificate, string authority)
    {
        using var key = certificate.GetECDsaPrivateKey()!;
        File.WriteAllText(folder.File("tls.crt"), certificate.ExportCertificatePem());
        File.WriteAllText(folder.File("tls.key"), key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(folder.File("ca.crt"), authority);
        return new Dictionary<string, string>
        {
            ["TokenManager:Cluster:Tls:Certificate"] = folder.File("tls.crt"),
            ["TokenManager:Cluster:Tls:Key"] = folder.File("tls.key"),
            ["TokenManager:Cluster:Tls:Authority"] = folder.File("ca.crt"),
        };
    }
}
