namespace TokenManager.Node.Tests.Deploy.Compose;

public sealed class ComposeTests
{
    private static readonly string Compose = Repository.Read(ComposeFile.FileName);
    private static readonly string Proxy = Repository.Read(ProxyFile.FileName);

    [Fact]
    public void Nodes_database_and_load_balancer_fit_together() => Assert.Empty(ComposeRules.Problems(Compose, Proxy));

    [Fact]
    public void Three_nodes_share_one_database() =>
        Assert.Equal(3, ComposeFile.Parse(Compose).Services.Values.Count(service => service.Build is not null));

    [Theory]
    [InlineData("stop_grace_period", "stop_grace_periode", "stop_grace_periode")]
    [InlineData("    hostname: node-2", "    image: node-2", "image")]
    [InlineData("stop_grace_period: 120s", "stop_grace_period: 10s", "is killed after 10s")]
    [InlineData("TokenManager__Cluster__Hostname: node-2", "TokenManager__Cluster__Hostnam: node-2", "nobody reads TokenManager:Cluster:Hostnam")]
    [InlineData("TokenManager__Cluster__Hostname: node-2", "TokenManager__Cluster__Hostname: node-1", "node-2 is called node-1")]
    [InlineData("Host=postgres;", "Host=postgre;", "there is no service postgre")]
    [InlineData("Username=tokenmanager", "Username=tokenmanger", "do not mean the same")]
    [InlineData("POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?put POSTGRES_PASSWORD=... into .env}", "POSTGRES_PASSWORD: hunter2", "do not mean the same")]
    [InlineData("      - node-3", "      - node-4", "waits for node-4")]
    [InlineData("haproxy/haproxy.cfg:/", "haproxy/haproxi.cfg:/", "which is not there")]
    [InlineData("127.0.0.1:4000:4000", "127.0.0.1:4000:8080", "which is not published")]
    [InlineData("read_only: true", "read_only: false", "may do more")]
    [InlineData("image: token-manager:", "image: token-manager:9", "the sources are version")]
    public void A_typo_in_the_compose_file_fails(string text, string typo, string said)
    {
        Assert.Contains(text, Compose, StringComparison.Ordinal);
        var problems = ComposeRules.Problems(Compose.Replace(text, typo, StringComparison.Ordinal), Proxy);
        Assert.Contains(problems, problem => problem.Contains(said, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("/health/ready", "/health/redy", "asks GET /health/redy")]
    [InlineData("node-3:4000", "node-3:8080", "node-3:8080")]
    [InlineData("bind :4000", "bind :8080", "which is not published")]
    [InlineData("retry-on conn-failure", "retry-on all-retryable-errors", "sends a request again")]
    public void A_typo_in_the_load_balancers_configuration_fails(string text, string typo, string said)
    {
        Assert.Contains(text, Proxy, StringComparison.Ordinal);
        var problems = ComposeRules.Problems(Compose, Proxy.Replace(text, typo, StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains(said, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_load_balancer_takes_its_configuration_without_a_warning()
    {
        var (exitCode, output, errors) = await Tool.RunAsync("haproxy", "-c", "-f", ProxyFile.FileName);

        Assert.True(exitCode == 0, errors);
        Assert.DoesNotContain("arn", output + errors, StringComparison.Ordinal);
    }
}
