using k8s.Models;

namespace TokenManager.Node.Tests.Deploy.Manifests;

/// <summary>Ports lead to where somebody listens, and the cluster's only from node to node.</summary>
internal static class PortRules
{
    public static IEnumerable<string> Problems(Overlay overlay, IReadOnlyList<V1Secret> secrets) =>
        [.. Services(overlay), .. Nodes(overlay, secrets), .. Policies(overlay, secrets)];

    private static IEnumerable<string> Services(Overlay overlay) =>
        from service in overlay.All<V1Service>()
        from pod in overlay.Pods
        where pod.IsSelectedBy(service.Spec.Selector)
        from port in service.Spec.Ports
        where !pod.Has(port.TargetPort)
        select $"Service {service.Metadata.Name} leads to port {port.TargetPort.Value}, which {pod.Owner} does not have.";

    private static IEnumerable<string> Nodes(Overlay overlay, IReadOnlyList<V1Secret> secrets)
    {
        foreach (var (pod, node) in overlay.NodePods.SelectMany(pod => pod.Nodes.Select(node => (pod, node))))
        {
            var options = NodeConfiguration.Options(NodeEnvironment.Of(overlay, secrets, pod, node));
            int[] expected = [.. NodeConfiguration.HttpPorts(options), options.Cluster.Port];
            int[] declared = [.. (node.Ports ?? []).Select(port => port.ContainerPort)];
            if (!expected.Order().SequenceEqual(declared.Order()))
                yield return $"{pod.Owner} declares ports {string.Join(", ", declared)}; its nodes listen on {string.Join(", ", expected)}.";

            if (options.ManagementUrl is { IsLoopback: false })
                yield return $"{pod.Owner} shows its management API to others.";
        }
    }

    private static IEnumerable<string> Policies(Overlay overlay, IReadOnlyList<V1Secret> secrets)
    {
        foreach (var pod in overlay.Pods)
        {
            V1NetworkPolicy[] policies = [.. overlay.All<V1NetworkPolicy>().Where(policy =>
                pod.IsSelectedBy(policy.Spec.PodSelector.MatchLabels) && policy.Spec.PolicyTypes.Contains("Ingress"))];
            if (policies.Length == 0) yield return $"{pod.Owner} is guarded by no NetworkPolicy.";

            var rules = policies.SelectMany(policy => policy.Spec.Ingress ?? []).ToArray();
            foreach (var port in rules.SelectMany(rule => rule.Ports ?? []).Where(port => !pod.Has(port.Port)))
                yield return $"{pod.Owner} has no port {port.Port.Value}, which a NetworkPolicy opens.";
            if (rules.Any(rule => rule.Ports is not { Count: > 0 }))
                yield return $"A NetworkPolicy opens every port of {pod.Owner}.";

            foreach (var node in pod.Nodes)
            {
                var options = NodeConfiguration.Options(NodeEnvironment.Of(overlay, secrets, pod, node));
                foreach (var http in NodeConfiguration.HttpPorts(options))
                    if (!Opening(rules, pod, http).Any(rule => rule.FromProperty is not { Count: > 0 }))
                        yield return $"{pod.Owner}: port {http} is not open to all.";

                var cluster = Opening(rules, pod, options.Cluster.Port).ToArray();
                if (cluster.Length == 0 || cluster.Any(rule => !IsForNodesAlone(rule, overlay)))
                    yield return $"{pod.Owner}: port {options.Cluster.Port} is not open to the nodes alone.";
            }
        }
    }

    private static IEnumerable<V1NetworkPolicyIngressRule> Opening(
        IEnumerable<V1NetworkPolicyIngressRule> rules, PodTemplate pod, int port)
    {
        var name = pod.Ports.FirstOrDefault(one => one.ContainerPort == port)?.Name;
        return rules.Where(rule => (rule.Ports ?? []).Any(one => one.Port.Value == $"{port}" || one.Port.Value == name));
    }

    private static bool IsForNodesAlone(V1NetworkPolicyIngressRule rule, Overlay overlay) =>
        rule.FromProperty is { Count: > 0 } peers
        && peers.All(peer => peer is { IpBlock: null, NamespaceSelector: null }
            && overlay.Pods.Where(pod => pod.IsSelectedBy(peer.PodSelector?.MatchLabels)).ToArray() is { Length: > 0 } pods
            && pods.All(pod => pod.Nodes.Any()));
}
