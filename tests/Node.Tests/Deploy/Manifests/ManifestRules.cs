using k8s.Models;

namespace TokenManager.Node.Tests.Deploy.Manifests;

/// <summary>
/// What must hold for a set of objects beyond each being well formed. Every rule answers one line for each breach.
/// </summary>
internal static class ManifestRules
{
    /// <summary>Everything that is wrong with rendered objects; <c>secrets</c> are those that their operator makes.</summary>
    public static IReadOnlyList<string> Problems(string yaml, IReadOnlyList<V1Secret> secrets)
    {
        try
        {
            return [.. Problems(Overlay.Load(yaml), secrets)];
        }
        catch (InvalidDataException refused)
        {
            return [refused.Message];
        }
    }

    private static IEnumerable<string> Problems(Overlay overlay, IReadOnlyList<V1Secret> secrets)
    {
        IEnumerable<string>[] rules =
        [
            SelectorRules.Problems(overlay),
            PortRules.Problems(overlay, secrets),
            ReferenceRules.Problems(overlay, secrets),
            NodeRules.Problems(overlay, secrets),
            SecurityRules.Problems(overlay),
        ];
        return rules.SelectMany(problems => problems);
    }
}
