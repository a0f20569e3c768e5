using TokenManager.Testing;

namespace TokenManager.Deploy.Tests.Manifests;

/// <summary>Each slip of the pen is made in a copy of the manifests, and must be found.</summary>
public sealed class TypoTests
{
    /// <summary>File, text, what is written instead, and a part of what is said about it.</summary>
    public static TheoryData<string, string, string, string> Typos => new()
    {
        { "stateful-set.yaml", "readinessProbe:", "readinesProbe:", "readinesProbe" },
        { "stateful-set.yaml", "runAsNonRoot: true", "runAsNonRoot: \"true\"", "Boolean" },
        { "stateful-set.yaml", "value: $(POD_NAME).token-manager-nodes.$(POD_NAMESPACE).svc.cluster.local", "value: 4053", "String" },
        { "stateful-set.yaml", "apiVersion: apps/v1", "apiVersion: apps/v2", "apps/v2 StatefulSet is not known" },
        { "stateful-set.yaml", "TokenManager__Cluster__Hostname", "TokenManager__Cluster__Hostnam", "nobody reads TokenManager:Cluster:Hostnam" },
        { "stateful-set.yaml", "ConnectionStrings__TokenManager", "ConnectionStrings__TokenManger", "nobody reads ConnectionStrings:TokenManger" },
        { "stateful-set.yaml", "$(POD_NAME).token-manager-nodes", "$(POD_NAME).token-manager-node", "others find it as" },
        { "stateful-set.yaml", "path: /health/ready", "path: /health/redy", "the readiness probe asks /health/redy" },
        { "stateful-set.yaml", "path: /health/live", "path: /health/ready", "the liveness probe asks /health/ready" },
        { "stateful-set.yaml", "timeoutSeconds: 3", "timeoutSeconds: 1", "gives up before" },
        { "stateful-set.yaml", "containerPort: 4000", "containerPort: 8080", "its nodes listen on 4000, 4053" },
        { "stateful-set.yaml", "name: http\n", "name: htp\n", "nobody answers HTTP on port http" },
        { "stateful-set.yaml", "terminationGracePeriodSeconds: 120", "terminationGracePeriodSeconds: 90", "is killed after 90 s" },
        { "stateful-set.yaml", "seconds: 5\n", "seconds: 60\n", "its end may take" },
        { "stateful-set.yaml", "serviceName: token-manager-nodes", "serviceName: token-manager-node", "there is no headless service" },
        { "stateful-set.yaml", "serviceAccountName: token-manager", "serviceAccountName: token-manger", "there is no service account" },
        { "stateful-set.yaml", "key: connection-string", "key: connection", "nobody is told to make secret token-manager-database with key connection" },
        { "stateful-set.yaml", "name: token-manager\n          env:", "name: token-manger\n          env:", "there is no config map token-manger" },
        { "stateful-set.yaml", "name: tmp\n              mountPath", "name: temp\n              mountPath", "there is no volume temp" },
        { "stateful-set.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "may do more than it needs to" },
        { "stateful-set.yaml", "topologyKey: kubernetes.io/hostname\n          maxSkew: 1", "topologyKey: kubernetes.io/hostname\n          maxSkw: 1", "maxSkw" },
        { "service.yaml", "selector:\n    app.kubernetes.io/name: token-manager", "selector:\n    app.kubernetes.io/name: token-manger", "Service token-manager selects no pods" },
        { "service.yaml", "targetPort: http", "targetPort: htp", "leads to port htp" },
        { "headless-service.yaml", "publishNotReadyAddresses: true", "publishNotReadyAddresses: false", "hides nodes" },
        { "pod-disruption-budget.yaml", "app.kubernetes.io/name: token-manager", "app.kubernetes.io/name: token-manger", "selects no pods" },
        { "network-policy.yaml", "port: 4053", "port: 8558", "which a NetworkPolicy opens" },
        { "network-policy.yaml", "- from:", "- form:", "form" },
        { "network-policy.yaml", "    - ports:\n        - port: 4000", "    - ports:\n        - port: 4000\n        - port: 4053", "is not open to the nodes alone" },
        { "kustomization.yaml", "TokenManager__Pool__Lease", "TokenManager__Pool__Leese", "nobody reads TokenManager:Pool:Leese" },
        { "kustomization.yaml", "Lease=00:02:00", "Lease=120", "TokenManager:Pool:Lease is" },
        { "kustomization.yaml", "newTag: ", "newTag: 9", "the sources are version" },
        { "kustomization.yaml", "service.yaml", "sevice.yaml", "sevice.yaml" },
    };

    [Theory]
    [MemberData(nameof(Typos))]
    public async Task A_typo_fails(string file, string text, string typo, string said)
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
        var right = await File.ReadAllTextAsync(path);
        Assert.Contains(text, right, StringComparison.Ordinal);
        await File.WriteAllTextAsync(path, right.Replace(text, typo, StringComparison.Ordinal));

        var problems = await ManifestRules.ProblemsAsync(Path.Combine(root, "overlays/local"), await Readme.SecretsAsync("local"));
        Assert.Contains(problems, problem => problem.Contains(said, StringComparison.Ordinal));
    }
}
