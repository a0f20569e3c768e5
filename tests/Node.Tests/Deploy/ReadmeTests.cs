using k8s.Models;
using TokenManager.Node.Tests.Deploy.Manifests;

namespace TokenManager.Node.Tests.Deploy;

public sealed class ReadmeTests
{
    public static TheoryData<string> Overlays => [.. Overlay.Names];

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task The_commands_for_an_overlay_make_what_it_needs_and_the_overlay(string name)
    {
        var objects = await Readme.ObjectsAsync(name);

        Assert.Equal(
            name == "production" ? ["token-manager-cluster-tls", "token-manager-database"] : ["token-manager-database"],
            objects.All<V1Secret>().Select(secret => secret.Metadata.Name).Order(StringComparer.Ordinal));
        Assert.Contains(objects.All<V1StatefulSet>(), set => set.Metadata.Name == PodTemplate.NodeImage);
        Assert.Single(objects.Objects.Where(one => one is not V1Namespace).Select(one => one.Metadata.NamespaceProperty).Distinct());
    }

    [Fact]
    public void No_commands_but_those_for_the_overlays_speak_to_kubernetes() =>
        Assert.Equal(Overlay.Names.Count, Readme.Blocks.Count(block => block.Contains("kubectl", StringComparison.Ordinal)));

    [Fact]
    public void What_no_test_runs_is_marked_as_such() =>
        Assert.DoesNotContain(Readme.Blocks, block => block.Contains("docker", StringComparison.Ordinal));
}
