using System.Diagnostics;
using System.Net;
using TokenManager.Testing;

namespace TokenManager.Cluster.Drills;

/// <summary>From an activation's answer on one node to its visibility on the others.</summary>
internal static class PropagationDrill
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(5);

    public static Drill Drill { get; } = new("propagation", "how soon the other nodes show an activation", RunAsync);

    private static async Task RunAsync(Stage stage)
    {
        var cluster = await stage.ThreeNodesAsync();
        var spans = new List<double>();
        for (var i = 0; i < stage.Extent.Propagations; i++)
        {
            var node = cluster.Nodes[i % cluster.Nodes.Count];
            var reply = await node.Client.ActivateAsync(Guid.NewGuid());
            var answered = Stopwatch.GetTimestamp();
            if (reply.Status is not HttpStatusCode.OK) throw new InvalidOperationException($"{node} answers {reply}");

            var grant = reply.Grant;
            spans.AddRange(await Task.WhenAll(cluster.Except(node).Select(other => ShownAfterAsync(other, grant, answered))));
            await node.Client.ReleaseAsync(grant.TokenId, grant.UsageId);
        }

        Add("50 % of activations are shown by another node after", spans.Percentile(0.5));
        Add("99 % of activations are shown by another node after", spans.Percentile(0.99), aim: 50);
        Add("the slowest of them after", spans.Max());

        void Add(string what, double value, double? aim = null) =>
            stage.Measured(Drill.Name, what, value, "ms", aim: aim);
    }

    private static async Task<double> ShownAfterAsync(ClusterNode node, Grant grant, long answered)
    {
        while (Stopwatch.GetElapsedTime(answered) < Within)
        {
            var details = await node.Client.ReadAsync($"/api/tokens/{grant.TokenId}");
            if (details.Status is HttpStatusCode.OK
                && details.Data.GetProperty("active_usage") is { ValueKind: System.Text.Json.JsonValueKind.Object } usage
                && usage.GetProperty("user_id").GetGuid() == grant.UserId)
                return Stopwatch.GetElapsedTime(answered).TotalMilliseconds;
        }

        throw new TimeoutException($"{node} does not show {grant} within {Within.TotalSeconds} s.");
    }
}
