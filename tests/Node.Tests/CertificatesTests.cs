using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Configuration;
using TokenManager.Testing;

namespace TokenManager.Node.Tests;

public sealed class CertificatesTests : IDisposable
{
    private const string Certificate = "TokenManager:Cluster:Tls:Certificate";
    private const string Key = "TokenManager:Cluster:Tls:Key";
    private const string Authority = "TokenManager:Cluster:Tls:Authority";

    private readonly TemporaryFolder _folder = new();
    private readonly CertificateAuthority _authority = new("the cluster's authority");
    private readonly Dictionary<string, string> _configuration;

    public CertificatesTests() => _configuration = new Dictionary<string, string>(_authority.Write(_folder, "node"))
    {
        ["ConnectionStrings:TokenManager"] = "Host=db",
    };

    [Fact]
    public void What_kubernetes_mounts_is_read_as_it_is()
    {
        var tls = Valid().Cluster.Tls;

        Assert.Equal("CN=node", tls?.Certificate.Subject);
        Assert.True(tls?.Certificate.HasPrivateKey);
    }

    [Fact]
    public void Without_a_certificate_there_is_no_TLS()
    {
        foreach (var key in (string[])[Certificate, Key, Authority]) _configuration[key] = "";

        Assert.Null(Valid().Cluster.Tls);
    }

    [Fact]
    public void Certificate_and_key_may_share_a_file()
    {
        File.AppendAllText(_configuration[Certificate], $"\n{File.ReadAllText(_configuration[Key])}");
        _configuration[Key] = "";

        Assert.Equal("CN=node", Valid().Cluster.Tls?.Certificate.Subject);
    }

    [Fact]
    public void A_PFX_file_holds_both()
    {
        WritePfx(password: null);
        _configuration[Key] = "";

        Assert.Equal("CN=node", Valid().Cluster.Tls?.Certificate.Subject);
    }

    [Fact]
    public void Old_and_new_authority_are_accepted_while_one_follows_the_other()
    {
        using var next = new CertificateAuthority("the next authority");
        using var node = next.Issue("new");
        File.AppendAllText(_configuration[Authority], $"\n{next.Pem}");

        Assert.Null(Valid().Cluster.Tls?.Problem(node));
    }

    [Fact]
    public void A_certificate_below_an_intermediate_is_accepted_with_what_lies_between()
    {
        using var middle = _authority.IssueAuthority("between");
        using var node = middle.Issue("below");
        using var nodeKey = node.GetECDsaPrivateKey()!;
        File.WriteAllText(_configuration[Certificate], $"{node.ExportCertificatePem()}\n{middle.Pem}");
        File.WriteAllText(_configuration[Key], nodeKey.ExportPkcs8PrivateKeyPem());

        Assert.Null(Valid().Cluster.Tls?.Problem(node));
    }

    [Fact]
    public void Who_is_not_signed_by_the_authority_is_refused_with_the_reason()
    {
        using var another = new CertificateAuthority("another");
        using var stranger = another.Issue("stranger");
        using var expired = _authority.Issue("late", -TimeSpan.FromHours(1));
        using var same = _authority.Issue("another node");

        var tls = Valid().Cluster.Tls!;

        Assert.StartsWith("is not signed by the cluster's authority", tls.Problem(stranger), StringComparison.Ordinal);
        Assert.StartsWith("has expired", tls.Problem(expired), StringComparison.Ordinal);
        Assert.Null(tls.Problem(same));
    }

    [Theory]
    [InlineData(Key)]
    [InlineData(Authority)]
    public void Without_a_certificate_nothing_else_is_allowed(string key)
    {
        var path = _configuration[key];
        foreach (var one in (string[])[Certificate, Key, Authority]) _configuration[one] = one == key ? path : "";

        Refused(key, $"Without {Certificate} it must be empty.");
    }

    [Fact]
    public void A_certificate_without_an_authority_is_refused()
    {
        _configuration[Authority] = "";

        Refused(Authority, $"With {Certificate} it must not be empty.");
    }

    [Theory]
    [InlineData(Certificate)]
    [InlineData(Key)]
    [InlineData(Authority)]
    public void A_file_that_is_missing_is_refused(string key)
    {
        _configuration[key] = _folder.File("missing");

        Refused(key, $"Could not find file '{_folder.File("missing")}'.");
    }

    [Theory]
    [InlineData(Certificate, Key, "The two files hold no certificate and key in PEM that belong together.")]
    [InlineData(Key, Key, "The two files hold no certificate and key in PEM that belong together.")]
    [InlineData(Authority, Authority, "It holds no certificate in PEM.")]
    public void A_file_with_something_else_is_refused(string file, string key, string reason)
    {
        File.WriteAllText(_configuration[file], "-----BEGIN NOTHING-----\nhunter2\n-----END NOTHING-----");

        Refused(key, reason);
    }

    [Fact]
    public void A_key_that_belongs_to_another_certificate_is_refused()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(_configuration[Key], other.ExportPkcs8PrivateKeyPem());

        Refused(Key, "The two files hold no certificate and key in PEM that belong together.");
    }

    [Fact]
    public void A_certificate_without_its_key_is_refused()
    {
        _configuration[Key] = "";

        Refused(Certificate, "It holds no certificate with its private key that can be read.");
    }

    [Fact]
    public void A_PFX_file_with_a_password_is_refused()
    {
        WritePfx("hunter2");
        _configuration[Key] = "";

        Refused(Certificate, "It holds no certificate with its private key that can be read.");
    }

    [Fact]
    public void A_PFX_file_goes_with_no_other_key()
    {
        WritePfx(password: null);

        Refused(Key, "With a PFX file it must be empty.");
    }

    [Fact]
    public void A_certificate_that_has_expired_is_refused()
    {
        _authority.Write(_folder, "node", -TimeSpan.FromHours(1));

        Refused(Certificate, "The certificate CN=node has expired or is not valid yet");
    }

    [Fact]
    public void A_certificate_that_the_authority_did_not_sign_is_refused()
    {
        using var another = new CertificateAuthority("another");
        File.WriteAllText(_configuration[Authority], another.Pem);

        Refused(Certificate, "The certificate CN=node is not signed by the cluster's authority");
    }

    [Fact]
    public async Task The_node_itself_ends_with_1_and_that_one_line()
    {
        _configuration[Key] = _folder.File("missing");
        await using var node = NodeProcess.Launch(new NodeSettings { Configuration = _configuration });

        Assert.Equal(1, await node.WaitForExitAsync());
        Assert.Equal(Error(), Assert.Single(node.Errors));
        Assert.Empty(node.Output);
    }

    public void Dispose()
    {
        _authority.Dispose();
        _folder.Dispose();
    }

    private void WritePfx(string? password)
    {
        using var certificate = _authority.Issue("node");
        File.WriteAllBytes(_configuration[Certificate], certificate.Export(X509ContentType.Pkcs12, password));
    }

    private NodeOptionsResult Read() => Certificates.ReadInto(NodeOptions.Read(
        new ConfigurationBuilder()
            .AddInMemoryCollection(_configuration.Select(pair => KeyValuePair.Create(pair.Key, (string?)pair.Value)))
            .Build()));

    private NodeOptions Valid() => Assert.IsType<NodeOptionsResult.Valid>(Read()).Options;

    private string Error() => Assert.Single(Assert.IsType<NodeOptionsResult.Invalid>(Read()).Errors);

    private void Refused(string key, string reason)
    {
        var allowed = ConfigurationKeys.All.Single(one => one.Name == key).Allowed;
        var error = Error();

        Assert.StartsWith($"{key} is \"{_configuration[key]}\"; allowed is {allowed}. {reason}", error, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error);
        Assert.DoesNotContain("hunter2", error, StringComparison.Ordinal);
    }
}
