using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using k8s.Models;
using TokenManager.Node.Tests.Deploy.Manifests;
using TokenManager.Testing;

namespace TokenManager.Node.Tests.Deploy;

/// <summary>The README's commands for Kubernetes, run as far as they go without a cluster.</summary>
internal static partial class Readme
{
    // What would change a cluster only says what it would make.
    private const string WithoutCluster = """
        kubectl() {
          case "$*" in
            *create*) echo ---; command kubectl "$@" --dry-run=client --output=yaml ;;
            "apply -k "*) echo ---; command kubectl kustomize "$3" ;;
            *) echo "This test does not know kubectl $*" >&2; return 1 ;;
          esac
        }
        """;

    private static readonly string[] OperatorsFiles = ["database-ca.crt", "cluster-ca.crt", "node.crt", "node.key"];

    private static readonly ConcurrentDictionary<string, Task<Overlay>> Runs = new();

    /// <summary>The commands that a test runs.</summary>
    public static IReadOnlyList<string> Blocks { get; } =
        [.. ShellBlock().Matches(Repository.Read("README.md")).Select(match => match.Groups[1].Value)];

    /// <summary>What the block of commands for one overlay makes.</summary>
    public static Task<Overlay> ObjectsAsync(string overlay) => Runs.GetOrAdd(overlay, RunAsync);

    /// <summary>The secrets that the README has an operator make for one overlay.</summary>
    public static async Task<IReadOnlyList<V1Secret>> SecretsAsync(string overlay) =>
        [.. (await ObjectsAsync(overlay)).All<V1Secret>()];

    private static async Task<Overlay> RunAsync(string overlay)
    {
        var apply = $"kubectl apply -k {Overlay.Folder}/{overlay}\n";
        var block = Blocks.Single(block => block.Contains(apply, StringComparison.Ordinal));

        using var folder = new TemporaryFolder();
        foreach (var file in OperatorsFiles)
        {
            await File.WriteAllTextAsync(folder.File(file), "a certificate or a key");
            block = block.Replace($"={file}", $"={folder.File(file)}", StringComparison.Ordinal);
        }

        var script = $"{WithoutCluster}\nDATABASE_PASSWORD=secret\n{block}";
        var (exitCode, output, errors) = await Tool.RunAsync("bash", "-euo", "pipefail", "-c", script);
        return exitCode == 0 ? Overlay.Load(output) : throw new InvalidOperationException(errors);
    }

    [GeneratedRegex("^```sh\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex ShellBlock();
}
