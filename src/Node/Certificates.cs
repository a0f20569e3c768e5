using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using TokenManager.Actors.Tls;

namespace TokenManager.Node;

/// <summary>
/// Reads the certificates of the cluster port, once: what is replaced on disk counts from the next start. Nothing that it
/// says holds anything of a key.
/// </summary>
internal static class Certificates
{
    /// <summary>Adds what the configured files hold to options that are right so far.</summary>
    public static NodeOptionsResult ReadInto(NodeOptionsResult result)
    {
        if (result is not NodeOptionsResult.Valid { Options: { Tls.Certificate.Length: > 0 } options }) return result;

        return Read(options.Tls) switch
        {
            (ClusterTls tls, _) => new NodeOptionsResult.Valid(options with { Cluster = options.Cluster with { Tls = tls } }),
            (_, var problem) => new NodeOptionsResult.Invalid([problem!]),
        };
    }

    private static (ClusterTls? Tls, string? Problem) Read(TlsFiles files)
    {
        if (Problem(files.Certificate) is { } noCertificate) return (null, OfCertificate(noCertificate));
        if (files.Key.Length > 0 && Problem(files.Key) is { } noKey) return (null, OfKey(noKey));
        if (Problem(files.Authority) is { } noAuthority) return (null, OfAuthority(noAuthority));

        X509Certificate2Collection authorities = [];
        try
        {
            authorities.ImportFromPemFile(files.Authority);
        }
        catch (CryptographicException)
        {
            return (null, OfAuthority("It holds a certificate that cannot be read."));
        }

        if (authorities.Count == 0) return (null, OfAuthority("It holds no certificate in PEM."));

        X509Certificate2? certificate;
        X509Certificate2Collection all = [];
        try
        {
            var isPem = File.ReadAllText(files.Certificate).Contains("-----BEGIN ", StringComparison.Ordinal);
            if (!isPem && files.Key.Length > 0) return (null, OfKey("With a PFX file it must be empty."));

            if (isPem) all.ImportFromPemFile(files.Certificate);
            else all = X509CertificateLoader.LoadPkcs12CollectionFromFile(files.Certificate, null);
            certificate = isPem ? WithKey(files) : all.FirstOrDefault(one => one.HasPrivateKey);
        }
        catch (Exception failure) when (failure is CryptographicException or ArgumentException)
        {
            return (null, files.Key.Length > 0
                ? OfKey("The two files hold no certificate and key in PEM that belong together.")
                : OfCertificate("It holds no certificate with its private key that can be read."));
        }

        if (certificate is null) return (null, OfCertificate("It holds no private key."));

        var tls = new ClusterTls(certificate, all, authorities);
        return tls.Problem(certificate) is { } problem
            ? (null, OfCertificate($"The certificate {OneLine.Of(certificate.Subject)} {problem}."))
            : (tls, null);

        string OfCertificate(string reason) => $"{ConfigurationKeys.TlsCertificate.Refuse(files.Certificate)} {reason}";
        string OfKey(string reason) => $"{ConfigurationKeys.TlsKey.Refuse(files.Key)} {reason}";
        string OfAuthority(string reason) => $"{ConfigurationKeys.TlsAuthority.Refuse(files.Authority)} {reason}";
    }

    // Windows shakes no hands with a key that is in memory only (https://github.com/dotnet/runtime/issues/23749).
    private static X509Certificate2 WithKey(TlsFiles files)
    {
        using var pem = X509Certificate2.CreateFromPemFile(files.Certificate, files.Key.Length > 0 ? files.Key : null);
        return X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
    }

    private static string? Problem(string path)
    {
        try
        {
            using (File.OpenRead(path)) return null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return OneLine.Of(failure.Message);
        }
    }
}
