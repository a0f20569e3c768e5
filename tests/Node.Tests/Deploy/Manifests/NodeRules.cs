using k8s.Models;

namespace TokenManager.Node.Tests.Deploy.Manifests;

/// <summary>The manifests and the product mean the same: configuration, names, probes, version, and time to end.</summary>
internal static class NodeRules
{
    public static IEnumerable<string> Problems(Overlay overlay, IReadOnlyList<V1Secret> secrets)
    {
        if (!overlay.NodePods.Any()) yield return "Nothing runs a node.";

        foreach (var (pod, node) in overlay.NodePods.SelectMany(pod => pod.Nodes.Select(node => (pod, node))))
        {
            var environment = NodeEnvironment.Of(overlay, secrets, pod, node);
            string[] problems =
            [
                .. NodeConfiguration.Problems(pod.Owner, environment),
                .. Name(overlay, pod, NodeConfiguration.Options(environment)),
                .. Probes(pod, node, NodeConfiguration.Options(environment)),
                .. End(pod, node, ShutdownTime.Longest(NodeConfiguration.Options(environment))),
            ];
            foreach (var problem in problems) yield return problem;

            if (PodTemplate.Image(node).Tag != NodeVersion.Text)
                yield return $"{pod.Owner} runs {node.Image}; the sources are version {NodeVersion.Text}.";
        }
    }

    // The name that a pod's own hosts file has.
    private static IEnumerable<string> Name(Overlay overlay, PodTemplate pod, NodeOptions options)
    {
        var set = overlay.All<V1StatefulSet>().Single(set => pod.Owner == $"StatefulSet {set.Metadata.Name}");
        var name = $"{set.Metadata.Name}-0.{set.Spec.ServiceName}.{set.Metadata.NamespaceProperty}.svc.cluster.local";
        if (options.Cluster.Hostname != name)
            yield return $"{pod.Owner}: the first node is called {options.Cluster.Hostname}; others find it as {name}.";
        if (overlay.All<V1Service>().Any(service => service.Metadata.Name == set.Spec.ServiceName && service.Spec.PublishNotReadyAddresses != true))
            yield return $"Service {set.Spec.ServiceName} hides nodes that are not ready; they get ready by being found.";
    }

    private static IEnumerable<string> Probes(PodTemplate pod, V1Container node, NodeOptions options)
    {
        (string Name, V1Probe? Probe, string Path)[] probes =
        [
            ("startup", node.StartupProbe, NodeHealth.LivePath),
            ("liveness", node.LivenessProbe, NodeHealth.LivePath),
            ("readiness", node.ReadinessProbe, NodeHealth.ReadyPath),
        ];
        foreach (var (name, probe, path) in probes)
        {
            if (probe?.HttpGet is not { } get)
            {
                yield return $"{pod.Owner} has no {name} probe over HTTP.";
                continue;
            }

            if (get.Path != path) yield return $"{pod.Owner}: the {name} probe asks {get.Path}, not {path}.";
            var port = node.Ports?.FirstOrDefault(one => one.Name == get.Port.Value || $"{one.ContainerPort}" == get.Port.Value);
            if (port is null || !NodeConfiguration.HttpPorts(options).Contains(port.ContainerPort))
                yield return $"{pod.Owner}: nobody answers HTTP on port {get.Port.Value} of the {name} probe.";
        }

        if (node.ReadinessProbe is { TimeoutSeconds: var timeout } && !(timeout > NodeHealth.CheckTimeout.TotalSeconds))
            yield return $"{pod.Owner}: the readiness probe gives up before the node says why it is not ready.";
    }

    private static IEnumerable<string> End(PodTemplate pod, V1Container node, TimeSpan longest)
    {
        var whole = TimeSpan.FromSeconds(node.Lifecycle?.PreStop?.Sleep?.Seconds ?? 0) + longest;
        if (!(pod.Spec.TerminationGracePeriodSeconds > whole.TotalSeconds))
            yield return $"{pod.Owner} is killed after {pod.Spec.TerminationGracePeriodSeconds} s; its end may take {whole.TotalSeconds} s.";
    }
}
