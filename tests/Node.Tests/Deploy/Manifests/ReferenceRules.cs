using k8s.Models;

namespace TokenManager.Node.Tests.Deploy.Manifests;

/// <summary>What is named is there: among the objects, or among the secrets that the operator makes.</summary>
internal static class ReferenceRules
{
    public static IEnumerable<string> Problems(Overlay overlay, IReadOnlyList<V1Secret> secrets)
    {
        foreach (var set in overlay.All<V1StatefulSet>())
            if (!overlay.All<V1Service>().Any(service => service.Metadata.Name == set.Spec.ServiceName && service.Spec.ClusterIP == "None"))
                yield return $"StatefulSet {set.Metadata.Name}: there is no headless service {set.Spec.ServiceName}.";

        foreach (var pod in overlay.Pods)
        {
            if (pod.Spec.ServiceAccountName is { } account && !overlay.All<V1ServiceAccount>().Any(one => one.Metadata.Name == account))
                yield return $"{pod.Owner}: there is no service account {account}.";

            string[] volumes = [.. (pod.Spec.Volumes ?? []).Select(volume => volume.Name), .. pod.Claims.Select(claim => claim.Metadata.Name)];
            string[] mounts = [.. pod.Containers.SelectMany(container => container.VolumeMounts ?? []).Select(mount => mount.Name)];
            foreach (var mount in mounts.Except(volumes)) yield return $"{pod.Owner}: there is no volume {mount}.";
            foreach (var volume in volumes.Except(mounts)) yield return $"{pod.Owner}: nobody mounts volume {volume}.";

            foreach (var map in ConfigMaps(pod).Where(name => !overlay.All<V1ConfigMap>().Any(map => map.Metadata.Name == name)))
                yield return $"{pod.Owner}: there is no config map {map}.";
            foreach (var (secret, key) in Secrets(pod).Where(one => !Exists(secrets, one.Secret, one.Key)))
                yield return $"{pod.Owner}: nobody is told to make secret {secret} with key {key}.";
        }
    }

    private static IEnumerable<string> ConfigMaps(PodTemplate pod) =>
    [
        .. pod.Containers.SelectMany(container => container.EnvFrom ?? []).Select(source => source.ConfigMapRef?.Name).OfType<string>(),
        .. pod.Containers.SelectMany(container => container.Env ?? []).Select(one => one.ValueFrom?.ConfigMapKeyRef?.Name).OfType<string>(),
        .. (pod.Spec.Volumes ?? []).Select(volume => volume.ConfigMap?.Name).OfType<string>(),
    ];

    private static IEnumerable<(string Secret, string Key)> Secrets(PodTemplate pod) =>
    [
        .. pod.Containers.SelectMany(container => container.Env ?? [])
            .Select(one => one.ValueFrom?.SecretKeyRef).OfType<V1SecretKeySelector>().Select(one => (one.Name, one.Key)),
        .. (pod.Spec.Volumes ?? []).Select(volume => volume.Secret).OfType<V1SecretVolumeSource>()
            .SelectMany(secret => secret.Items.Select(item => (secret.SecretName, item.Key))),
    ];

    private static bool Exists(IReadOnlyList<V1Secret> secrets, string name, string key) =>
        secrets.Any(secret => secret.Metadata.Name == name && secret.Data.ContainsKey(key));
}
