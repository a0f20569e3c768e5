using k8s.Models;

namespace TokenManager.Node.Tests.Deploy.Manifests;

/// <summary>Pods run with nothing that they do not need, and no secret is in Git.</summary>
internal static class SecurityRules
{
    public static IEnumerable<string> Problems(Overlay overlay)
    {
        foreach (var secret in overlay.All<V1Secret>()) yield return $"Secret {secret.Metadata.Name} is in Git.";

        foreach (var pod in overlay.Pods)
        {
            if (pod.Spec.SecurityContext is not { RunAsNonRoot: true, RunAsUser: > 0, SeccompProfile.Type: "RuntimeDefault" })
                yield return $"{pod.Owner} may run as root or without a seccomp profile.";
            if (pod.Spec.AutomountServiceAccountToken != false)
                yield return $"{pod.Owner} gets a token of the API server that it does not use.";
            if (pod.Spec.HostNetwork == true || pod.Spec.HostPID == true || pod.Spec.HostIPC == true)
                yield return $"{pod.Owner} shares what is the machine's.";

            foreach (var container in pod.Containers)
            {
                var where = $"{pod.Owner}, container {container.Name}";
                if (container.SecurityContext is not
                    {
                        AllowPrivilegeEscalation: false,
                        ReadOnlyRootFilesystem: true,
                        Privileged: not true,
                        Capabilities: { Add: null, Drop: ["ALL"] },
                    })
                {
                    yield return $"{where} may do more than it needs to.";
                }

                if (container.Resources is not { Requests: { } requests, Limits: { } limits }
                    || !requests.ContainsKey("cpu") || !requests.ContainsKey("memory") || !limits.ContainsKey("memory"))
                {
                    yield return $"{where} does not say what it takes.";
                }

                if (PodTemplate.Image(container).Tag is "" or "latest") yield return $"{where} runs whatever version is there.";
            }
        }
    }
}
