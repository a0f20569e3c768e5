namespace TokenManager.Actors.Management;

/// <summary>
/// What an operator may see of the cluster and do to it. It needs neither database nor pool, and works from the start
/// of the process on. An address is a member's in full, or only its <c>host:port</c>.
/// </summary>
public interface IClusterManagement
{
    /// <summary>The cluster as this node sees it now.</summary>
    ClusterView Read();

    /// <summary>The member with this address, or null.</summary>
    MemberView? Find(string address);

    /// <summary>Asks a member to leave in order: its tokens and the pool move first.</summary>
    MemberResult Leave(string address);

    /// <summary>Takes a member for dead. If it is not, it ends itself as soon as it hears of it.</summary>
    MemberResult Down(string address);

    /// <summary>The names of what is sharded over the cluster.</summary>
    IReadOnlyList<string> ReadShardTypes();

    /// <summary>How many entities of a type are awake on this node, by shard.</summary>
    Task<ShardsResult> ReadShardsAsync(string type, CancellationToken cancellationToken);

    /// <summary>
    /// The present members as changes, then every change. Ends when it is cancelled, when the node leaves, and when the
    /// reader is so far behind that it had better begin again.
    /// </summary>
    IAsyncEnumerable<ClusterChange> WatchAsync(CancellationToken cancellationToken);
}

/// <summary>The answer to a command about a member.</summary>
public abstract record MemberResult
{
    private MemberResult() { }

    /// <summary>The cluster has been told; carrying it out takes a moment.</summary>
    public sealed record Told(MemberView Member) : MemberResult;

    /// <summary>There is no member with this address.</summary>
    public sealed record NotFound : MemberResult;
}

/// <summary>The answer to a question for a node's shards.</summary>
public abstract record ShardsResult
{
    private ShardsResult() { }

    /// <summary>The shards that are on this node.</summary>
    public sealed record Found(IReadOnlyList<ShardView> Shards) : ShardsResult;

    /// <summary>Nothing of this name is sharded.</summary>
    public sealed record NotFound : ShardsResult;

    /// <summary>The node's region could not answer in time.</summary>
    public sealed record Unavailable : ShardsResult;
}

/// <summary>One shard.</summary>
/// <param name="ShardId">Its id.</param>
/// <param name="Entities">How many of its entities are awake.</param>
public sealed record ShardView(string ShardId, int Entities);
