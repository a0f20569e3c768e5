using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using TokenManager.Cluster.Drills;
using TokenManager.Faults.History;
using TokenManager.Testing;

namespace TokenManager.Faults.Workload;

/// <summary>Sends one client's requests, and records each.</summary>
internal sealed class Caller(int client, Recorder recorder, IReadOnlyList<ClusterNode> nodes, bool isAfterwards = false)
{
    /// <summary>The most usages that a history is asked for.</summary>
    public const int HistoryPage = 50;

    private static readonly Uri Pool = new("/pool", UriKind.Relative);

    public Task<Answer> ActivateAsync(int node, Guid user, Guid usage) => RecordAsync(
        Kind.Activate, node, token: null, user, usage, at => at.Client.ActivateAsync(user, usage), Answers.Granted);

    public Task<Answer> ReleaseAsync(int node, Guid token, Guid usage) => RecordAsync(
        Kind.Release, node, token, user: null, usage, at => at.Client.ReleaseAsync(token, usage), Answers.Released);

    public Task<Answer> ClearAsync(int node) =>
        RecordAsync(Kind.Clear, node, token: null, user: null, usage: null, at => at.Client.ClearAsync(), Answers.Cleared);

    public Task<Answer> ListAsync(int node) =>
        RecordAsync(Kind.List, node, token: null, user: null, usage: null, at => at.Client.ReadAsync("/api/tokens"), Answers.List);

    public Task<Answer> DetailsAsync(int node, Guid token) => RecordAsync(
        Kind.Details, node, token, user: null, usage: null, at => at.Client.ReadAsync($"/api/tokens/{token}"), Answers.Details);

    public Task<Answer> HistoryAsync(int node, Guid token) => RecordAsync(
        Kind.History, node, token, user: null, usage: null,
        at => at.Client.ReadAsync($"/api/tokens/{token}/history?limit={HistoryPage}"), Answers.History);

    /// <summary>Asks a node's management API for the pool's figures, with a client made for it.</summary>
    public async Task<Answer> PoolAsync(int node, HttpClient management)
    {
        var (number, run, invoked) = Begin(node);
        Answer answer;
        try
        {
            answer = Answers.Figures(await management.GetFromJsonAsync<JsonElement>(Pool));
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException or SocketException or OperationCanceledException)
        {
            answer = new Answer.Nothing();
        }
        catch (Exception failure) when (failure is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            answer = new Answer.Broken($"the pool's figures cannot be read: {failure.Message}");
        }

        End(new Operation(number, client, Kind.Pool, node, run, invoked, recorder.Now, answer));
        return answer;
    }

    private async Task<Answer> RecordAsync(
        Kind kind, int node, Guid? token, Guid? user, Guid? usage, Func<ClusterNode, Task<Reply>> send, Func<Reply, Answer> read)
    {
        var (number, run, invoked) = Begin(node);
        var answer = Answers.Of(await send(nodes[node]), read);
        End(new Operation(number, client, kind, node, run, invoked, recorder.Now, answer)
        {
            Token = token,
            User = user,
            Usage = usage,
        });
        return answer;
    }

    private (long Number, int Run, long Invoked) Begin(int node) => (recorder.Invoke(), nodes[node].Incarnation, recorder.Now);

    // Whoever answered is known only if the process was the same before and after.
    private void End(Operation operation) => recorder.Add(operation with
    {
        Run = nodes[operation.Node].Incarnation == operation.Run ? operation.Run : null,
        IsAfterwards = isAfterwards,
    });
}
