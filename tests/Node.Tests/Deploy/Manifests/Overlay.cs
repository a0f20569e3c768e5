using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using k8s;
using k8s.Models;

namespace TokenManager.Node.Tests.Deploy.Manifests;

/// <summary>What one kustomization renders, every object in its own type.</summary>
internal sealed class Overlay
{
    public const string Folder = "deploy/k8s/overlays";

    // An API server knows objects by these three words.
    private static readonly Dictionary<(string ApiVersion, string Kind), Type> Types = typeof(V1Pod).Assembly.GetTypes()
        .Select(type => (type, entity: type.GetCustomAttribute<KubernetesEntityAttribute>()))
        .Where(one => one.entity is not null)
        .ToDictionary(
            one => (one.entity!.Group.Length == 0 ? one.entity.ApiVersion : $"{one.entity.Group}/{one.entity.ApiVersion}", one.entity.Kind),
            one => one.type);

    private static readonly ConcurrentDictionary<string, Task<string>> Texts = new();

    private static readonly MethodInfo Deserialize = typeof(KubernetesJson).GetMethod(
        nameof(KubernetesJson.Deserialize), 1, [typeof(string), typeof(JsonSerializerOptions)])!;

    static Overlay() =>
        KubernetesJson.AddJsonOptions(options => options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow);

    private Overlay(IReadOnlyList<IKubernetesObject<V1ObjectMeta>> objects) => Objects = objects;

    public static IReadOnlyList<string> Names { get; } =
        [.. Directory.GetDirectories(Repository.PathOf(Folder)).Select(folder => Path.GetFileName(folder)!).Order()];

    public IReadOnlyList<IKubernetesObject<V1ObjectMeta>> Objects { get; }

    public IReadOnlyList<PodTemplate> Pods =>
    [
        .. Objects.OfType<V1StatefulSet>().Select(set => new PodTemplate(
            $"StatefulSet {set.Metadata.Name}", set.Spec.Template, set.Spec.VolumeClaimTemplates ?? [])),
    ];

    public IReadOnlyList<PodTemplate> NodePods => [.. Pods.Where(pod => pod.Nodes.Any())];

    /// <summary>What one of the repository's overlays renders to. Rendered once.</summary>
    public static Task<string> TextAsync(string name) => Texts.GetOrAdd(name, _ => RenderAsync(Repository.PathOf($"{Folder}/{name}")));

    /// <summary>Renders a kustomization with kubectl.</summary>
    /// <exception cref="InvalidDataException">It cannot be rendered.</exception>
    public static async Task<string> RenderAsync(string folder)
    {
        var (exitCode, output, errors) = await Tool.RunAsync("kubectl", "kustomize", folder);
        return exitCode == 0 ? output : throw new InvalidDataException(errors);
    }

    /// <summary>Loads objects strictly: no unknown kind, no unknown field, no value of another type.</summary>
    /// <exception cref="InvalidDataException">Something is not what Kubernetes knows.</exception>
    public static Overlay Load(string yaml) => new([.. StrictYaml.Documents(yaml).Select(Load)]);

    public IEnumerable<T> All<T>() => Objects.OfType<T>();

    private static IKubernetesObject<V1ObjectMeta> Load(JsonObject document)
    {
        var (version, kind) = ((string?)document["apiVersion"] ?? "", (string?)document["kind"] ?? "");
        if (!Types.TryGetValue((version, kind), out var type))
            throw new InvalidDataException($"{version} {kind} is not known.");

        try
        {
            return (IKubernetesObject<V1ObjectMeta>)Deserialize.MakeGenericMethod(type).Invoke(
                null, BindingFlags.DoNotWrapExceptions, null, [document.ToJsonString(), null], null)!;
        }
        catch (JsonException refused)
        {
            throw new InvalidDataException($"{kind} {document["metadata"]?["name"]}: {refused.Message}", refused);
        }
    }
}
