using k8s.Models;
using Npgsql;

namespace TokenManager.Node.Tests.Deploy.Manifests;

public sealed class ManifestTests
{
    public static TheoryData<string> Overlays => [.. Overlay.Names];

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Every_overlay_renders_to_objects_that_fit_together(string name) =>
        Assert.Empty(ManifestRules.Problems(await Overlay.TextAsync(name), await Readme.SecretsAsync(name)));

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Three_nodes_start_at_once_and_no_more_than_one_is_taken_away(string name)
    {
        var overlay = Overlay.Load(await Overlay.TextAsync(name));

        var set = Assert.Single(overlay.All<V1StatefulSet>(), set => set.Metadata.Name == PodTemplate.NodeImage);
        Assert.Equal(3, set.Spec.Replicas);
        Assert.Equal("Parallel", set.Spec.PodManagementPolicy);
        Assert.Equal("1", Assert.Single(overlay.All<V1PodDisruptionBudget>()).Spec.MaxUnavailable.Value);
    }

    [Fact]
    public async Task The_production_overlay_reaches_its_database_over_tls_and_checks_whom_it_talks_to()
    {
        var secrets = await Readme.SecretsAsync("production");
        var overlay = Overlay.Load(await Overlay.TextAsync("production"));

        var pod = Assert.Single(overlay.NodePods);
        var node = Assert.Single(pod.Nodes);
        var environment = NodeEnvironment.Of(overlay, secrets, pod, node);
        Assert.Equal(SslMode.VerifyFull, new NpgsqlConnectionStringBuilder(environment["ConnectionStrings__TokenManager"]).SslMode);

        Assert.Contains(environment["PGSSLROOTCERT"], Files(pod, node));
    }

    [Fact]
    public async Task The_production_overlay_lets_nodes_into_the_cluster_by_certificate_only()
    {
        var secrets = await Readme.SecretsAsync("production");
        var overlay = Overlay.Load(await Overlay.TextAsync("production"));

        var pod = Assert.Single(overlay.NodePods);
        var node = Assert.Single(pod.Nodes);
        var tls = NodeConfiguration.Options(NodeEnvironment.Of(overlay, secrets, pod, node)).Tls;
        Assert.All([tls.Certificate, tls.Key, tls.Authority], file => Assert.Contains(file, Files(pod, node)));
    }

    [Fact]
    public void Coordinated_shutdown_ends_before_the_host_gives_it_up() =>
        Assert.InRange(ShutdownTime.Phases, TimeSpan.FromSeconds(1), Node.NodeExit.ShutdownTimeout);

    private static IEnumerable<string> Files(PodTemplate pod, V1Container node) =>
        from mount in node.VolumeMounts
        join volume in pod.Spec.Volumes on mount.Name equals volume.Name
        from item in volume.Secret?.Items ?? []
        select $"{mount.MountPath}/{item.Path}";
}
