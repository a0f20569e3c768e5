using System.Text;
using System.Text.RegularExpressions;
using k8s.Models;

namespace TokenManager.Node.Tests.Deploy.Manifests;

/// <summary>The variables that a container of the overlay's first pod would see.</summary>
internal static partial class NodeEnvironment
{
    public static IReadOnlyDictionary<string, string> Of(
        Overlay overlay, IReadOnlyList<V1Secret> secrets, PodTemplate pod, V1Container container)
    {
        var variables = new Dictionary<string, string>();
        foreach (var source in container.EnvFrom ?? [])
            foreach (var (key, value) in overlay.All<V1ConfigMap>()
                .Where(map => map.Metadata.Name == source.ConfigMapRef?.Name).SelectMany(map => map.Data))
            {
                variables[key] = value;
            }

        foreach (var variable in container.Env ?? [])
        {
            variables[variable.Name] = variable.ValueFrom switch
            {
                null => Expand(variable.Value, variables),
                { FieldRef.FieldPath: "metadata.name" } => $"{pod.Owner.Split(' ')[1]}-0",
                { FieldRef.FieldPath: "metadata.namespace" } => overlay.Objects[0].Metadata.NamespaceProperty ?? "",
                { SecretKeyRef: { } secret } => Value(secrets, secret),
                _ => "",
            };
        }

        // What other variables are made of is there for them alone.
        var parts = (container.Env ?? []).SelectMany(variable => Reference().Matches(variable.Value ?? ""))
            .Select(match => match.Groups[1].Value);
        return variables.ExceptBy(parts, variable => variable.Key).ToDictionary();
    }

    private static string Expand(string text, Dictionary<string, string> variables) => Reference().Replace(
        text, match => variables.TryGetValue(match.Groups[1].Value, out var value) ? value : match.Value);

    private static string Value(IReadOnlyList<V1Secret> secrets, V1SecretKeySelector key) =>
        secrets.FirstOrDefault(secret => secret.Metadata.Name == key.Name)?.Data is { } data && data.TryGetValue(key.Key, out var bytes)
            ? Encoding.UTF8.GetString(bytes)
            : "";

    [GeneratedRegex(@"\$\((\w+)\)")]
    private static partial Regex Reference();
}
