using System.Net.Http.Json;
using System.Text.Json;

namespace TokenManager.Cluster.Drills;

/// <summary>A node's management API, as far as drills ask it.</summary>
internal sealed class Management(Uri address) : IDisposable
{
    private readonly HttpClient _client = new() { BaseAddress = address, Timeout = TimeSpan.FromSeconds(5) };

    /// <summary>Whether the node sees that many members, all of them up and none unreachable.</summary>
    public async Task<bool> SeesAsync(int members)
    {
        var view = await ReadAsync("/cluster/members");
        return view.GetProperty("unreachable").GetArrayLength() == 0
            && view.GetProperty("members").EnumerateArray().Count(member => member.GetProperty("status").GetString() is "Up") == members
            && view.GetProperty("members").GetArrayLength() == members;
    }

    /// <summary>The cluster address of the node that has the pool.</summary>
    public async Task<string?> PoolNodeAsync() => (await ReadAsync("/pool")).GetProperty("node").GetString();

    /// <summary>The shards of tokens that are on this node.</summary>
    public async Task<IReadOnlyList<string>> ShardsAsync() =>
    [
        .. (await ReadAsync("/cluster/shards/token")).GetProperty("regions").EnumerateArray()
            .Select(shard => shard.GetProperty("shardId").GetString()!),
    ];

    /// <summary>Tells the cluster that a member is to leave it.</summary>
    public async Task LeaveAsync(string member)
    {
        using var answer = await _client.DeleteAsync(new Uri($"/cluster/members/{member}", UriKind.Relative));
        answer.EnsureSuccessStatusCode();
    }

    public void Dispose() => _client.Dispose();

    private Task<JsonElement> ReadAsync(string path) => _client.GetFromJsonAsync<JsonElement>(new Uri(path, UriKind.Relative));
}
