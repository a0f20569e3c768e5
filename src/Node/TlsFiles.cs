namespace TokenManager.Node;

/// <summary>Paths of what mutual TLS on the cluster port needs; all empty without it.</summary>
internal sealed record TlsFiles
{
    public string Certificate { get; init; } = "";

    public string Key { get; init; } = "";

    public string Authority { get; init; } = "";

    /// <summary>One line for each path that does not go with the others.</summary>
    public IEnumerable<string> Contradictions()
    {
        if (Certificate.Length > 0 && Authority.Length == 0)
            yield return $"{ConfigurationKeys.TlsAuthority.Refuse(Authority)} With {ConfigurationKeys.TlsCertificate.Name} it must not be empty.";

        if (Certificate.Length > 0) yield break;

        foreach (var (key, path) in new[] { (ConfigurationKeys.TlsKey, Key), (ConfigurationKeys.TlsAuthority, Authority) })
            if (path.Length > 0)
                yield return $"{key.Refuse(path)} Without {ConfigurationKeys.TlsCertificate.Name} it must be empty.";
    }
}
