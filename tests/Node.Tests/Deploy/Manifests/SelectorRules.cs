using k8s.Models;

namespace TokenManager.Node.Tests.Deploy.Manifests;

/// <summary>Whoever selects pods selects some.</summary>
internal static class SelectorRules
{
    public static IEnumerable<string> Problems(Overlay overlay)
    {
        foreach (var set in overlay.All<V1StatefulSet>())
        {
            var pod = overlay.Pods.Single(one => one.Owner == $"StatefulSet {set.Metadata.Name}");
            if (!pod.IsSelectedBy(set.Spec.Selector.MatchLabels))
                yield return $"{pod.Owner} does not select its own pods.";

            foreach (var spread in (set.Spec.Template.Spec.TopologySpreadConstraints ?? [])
                .Where(spread => !pod.IsSelectedBy(spread.LabelSelector.MatchLabels)))
            {
                yield return $"{pod.Owner} spreads other pods than its own over {spread.TopologyKey}.";
            }
        }

        foreach (var (who, labels) in Selectors(overlay).Where(one => !overlay.Pods.Any(pod => pod.IsSelectedBy(one.Labels))))
            yield return $"{who} selects no pods: {string.Join(", ", (labels ?? new Dictionary<string, string>()).Select(label => $"{label.Key}={label.Value}"))}.";

        if (overlay.Objects.Select(one => one.Metadata.NamespaceProperty).Distinct().Count() != 1)
            yield return "Not all objects are in one namespace.";
    }

    private static IEnumerable<(string Who, IDictionary<string, string>? Labels)> Selectors(Overlay overlay)
    {
        foreach (var service in overlay.All<V1Service>())
            yield return ($"Service {service.Metadata.Name}", service.Spec.Selector);
        foreach (var budget in overlay.All<V1PodDisruptionBudget>())
            yield return ($"PodDisruptionBudget {budget.Metadata.Name}", budget.Spec.Selector.MatchLabels);
        foreach (var policy in overlay.All<V1NetworkPolicy>())
        {
            yield return ($"NetworkPolicy {policy.Metadata.Name}", policy.Spec.PodSelector.MatchLabels);
            foreach (var peer in (policy.Spec.Ingress ?? []).SelectMany(rule => rule.FromProperty ?? []))
                yield return ($"A rule of NetworkPolicy {policy.Metadata.Name}", peer.PodSelector?.MatchLabels);
        }
    }
}
