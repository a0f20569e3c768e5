using TokenManager.Testing;

namespace TokenManager.Node.Tests.Deploy.Manifests;

/// <summary>Each slip of the pen, made in a copy, must be found.</summary>
public sealed class TypoTests
{
    /// <summary>A file, a text in it, what is written instead, and a part of what is said about it.</summary>
    public static TheoryData<string, string, string, string> InFiles => new()
    {
        { "stateful-set.yaml", "readinessProbe:", "readinesProbe:", "readinesProbe" },
        { "stateful-set.yaml", "TokenManager__Cluster__Hostname", "TokenManager__Cluster__Hostnam", "nobody reads TokenManager:Cluster:Hostnam" },
        { "service.yaml", "selector:\n    app.kubernetes.io/name: token-manager", "selector:\n    app.kubernetes.io/name: token-manger", "selects no pods" },
        { "kustomization.yaml", "TokenManager__Pool__Lease", "TokenManager__Pool__Leese", "nobody reads TokenManager:Pool:Leese" },
        { "kustomization.yaml", "Lease=00:02:00", "Lease=120", "TokenManager:Pool:Lease is" },
        { "kustomization.yaml", "newTag: ", "newTag: 9", "the sources are version" },
        { "kustomization.yaml", "- service.yaml", "- sevice.yaml", "sevice.yaml" },
    };

    /// <summary>A text in what the local overlay renders to, what is written instead, and a part of what is said about it.</summary>
    public static TheoryData<string, string, string> InObjects => new()
    {
        { "kind: PodDisruptionBudget", "kind: PodDisruptionBuget", "policy/v1 PodDisruptionBuget is not known" },
        { "apiVersion: apps/v1", "apiVersion: apps/v2", "apps/v2 StatefulSet is not known" },
        { "maxSkew: 1", "maxSkw: 1", "maxSkw" },
        { "- from:", "- form:", "form" },
        { "runAsNonRoot: true", "runAsNonRoot: \"true\"", "Boolean" },
        { "value: $(POD_NAME).token-manager-nodes.$(POD_NAMESPACE).svc.cluster.local", "value: 4053", "String" },
        { "ConnectionStrings__TokenManager", "ConnectionStrings__TokenManger", "nobody reads ConnectionStrings:TokenManger" },
        { "$(POD_NAME).token-manager-nodes", "$(POD_NAME).token-manager-node", "others find it as" },
        { "$(POD_NAME).", "$(POD_NAM).", "TokenManager:Cluster:Hostname is" },
        { "path: /health/ready", "path: /health/redy", "the readiness probe asks /health/redy" },
        { "path: /health/live", "path: /health/ready", "the liveness probe asks /health/ready" },
        { "timeoutSeconds: 3", "timeoutSeconds: 1", "gives up before" },
        { "startupProbe:", "livenessProbe:", "livenessProbe" },
        { "containerPort: 4000", "containerPort: 8080", "its nodes listen on 4000, 4053" },
        { "name: http\n", "name: htp\n", "nobody answers HTTP on port http" },
        { "targetPort: http", "targetPort: htp", "leads to port htp" },
        { "terminationGracePeriodSeconds: 120", "terminationGracePeriodSeconds: 90", "is killed after 90 s" },
        { "seconds: 5\n", "seconds: 60\n", "its end may take" },
        { "serviceName: token-manager-nodes", "serviceName: token-manager-node", "there is no headless service" },
        { "publishNotReadyAddresses: true", "publishNotReadyAddresses: false", "hides nodes" },
        { "serviceAccountName: token-manager", "serviceAccountName: token-manger", "there is no service account" },
        { "configMapRef:\n            name: token-manager", "configMapRef:\n            name: token-manger", "there is no config map token-manger" },
        { "key: connection-string", "key: connection", "nobody is told to make secret token-manager-database with key connection" },
        { "mountPath: /tmp\n          name: tmp", "mountPath: /tmp\n          name: temp", "there is no volume temp" },
        { "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "may do more than it needs to" },
        { "maxUnavailable: 1\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: token-manager", "maxUnavailable: 1\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: token-manger", "PodDisruptionBudget token-manager selects no pods" },
        { "port: 4053", "port: 8558", "which a NetworkPolicy opens" },
        { "- ports:\n    - port: 4000", "- ports:\n    - port: 4000\n    - port: 4053", "is not open to the nodes alone" },
        { "- ports:\n    - port: 4000\n  - from:", "- from:", "port 4000 is not open to all" },
    };

    [Theory]
    [MemberData(nameof(InFiles))]
    public async Task A_typo_in_a_file_fails(string file, string text, string typo, string said)
    {
        using var copy = new TemporaryFolder();
        var root = copy.File("k8s");
        foreach (var source in Directory.GetFiles(Repository.PathOf("deploy/k8s"), "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(root, Path.GetRelativePath(Repository.PathOf("deploy/k8s"), source));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(source, target);
        }

        var path = Path.Combine(root, "base", file);
        await File.WriteAllTextAsync(path, Misspell(await File.ReadAllTextAsync(path), text, typo));

        Assert.Contains(
            await ProblemsAsync(Path.Combine(root, "overlays/local")),
            problem => problem.Contains(said, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(InObjects))]
    public async Task A_typo_in_an_object_fails(string text, string typo, string said)
    {
        var yaml = Misspell(await Overlay.TextAsync("local"), text, typo);

        Assert.Contains(
            ManifestRules.Problems(yaml, await Readme.SecretsAsync("local")),
            problem => problem.Contains(said, StringComparison.Ordinal));
    }

    private static async Task<IReadOnlyList<string>> ProblemsAsync(string folder)
    {
        try
        {
            return ManifestRules.Problems(await Overlay.RenderAsync(folder), await Readme.SecretsAsync("local"));
        }
        catch (InvalidDataException refused)
        {
            return [refused.Message];
        }
    }

    private static string Misspell(string right, string text, string typo)
    {
        Assert.Contains(text, right, StringComparison.Ordinal);
        return right.Replace(text, typo, StringComparison.Ordinal);
    }
}
