using k8s.Models;

namespace TokenManager.Node.Tests.Deploy.Manifests;

/// <summary>The pods that one object makes.</summary>
internal sealed record PodTemplate(string Owner, V1PodTemplateSpec Template, IList<V1PersistentVolumeClaim> Claims)
{
    public const string NodeImage = "token-manager";

    public V1PodSpec Spec => Template.Spec;

    public IEnumerable<V1Container> Containers => [.. Spec.InitContainers ?? [], .. Spec.Containers];

    /// <summary>The containers that run a node.</summary>
    public IEnumerable<V1Container> Nodes => Containers.Where(container => Image(container).Name == NodeImage);

    public IEnumerable<V1ContainerPort> Ports => Containers.SelectMany(container => container.Ports ?? []);

    public static (string Name, string Tag) Image(V1Container container)
    {
        var parts = container.Image.Split('/')[^1].Split(':');
        return (parts[0], parts.Length > 1 ? parts[1] : "");
    }

    public bool IsSelectedBy(IDictionary<string, string>? labels) =>
        labels is { Count: > 0 }
        && labels.All(label => Template.Metadata.Labels.TryGetValue(label.Key, out var value) && value == label.Value);

    public bool Has(IntOrString port) =>
        Ports.Any(one => port.Value == one.Name || port.Value == $"{one.ContainerPort}");
}
