using System.Text.Json.Serialization;

namespace TokenManager.Http.Management;

// The shapes of the management API. The cluster's are those that tools for such clusters know, in camelCase; the pool's
// and the tokens' are ours, in snake_case. Members are only ever added.

/// <summary><c>GET /cluster/members</c>.</summary>
/// <param name="SelfNode">The address of the node that answers.</param>
/// <param name="Members">Every member.</param>
/// <param name="Unreachable">The members among them that do not answer.</param>
/// <param name="Leader">The leader's address, or null.</param>
/// <param name="Oldest">The address of the longest-standing member, or null.</param>
public sealed record ClusterMembers(
    string SelfNode,
    IReadOnlyList<ClusterMember> Members,
    IReadOnlyList<UnreachableMember> Unreachable,
    string? Leader,
    string? Oldest);

/// <summary><c>GET /cluster/members/{address}</c>.</summary>
/// <param name="Node">The member's address.</param>
/// <param name="NodeUid">Tells a node from an earlier one at the same address.</param>
/// <param name="Status">Such as <c>Up</c>.</param>
/// <param name="Roles">What it is for.</param>
/// <param name="AppVersion">The version of its build.</param>
public sealed record ClusterMember(string Node, string NodeUid, string Status, IReadOnlyList<string> Roles, string AppVersion);

/// <summary>A member that does not answer.</summary>
/// <param name="Node">Its address.</param>
/// <param name="ObservedBy">Who says so: the node that was asked, which speaks for its whole side.</param>
public sealed record UnreachableMember(string Node, IReadOnlyList<string> ObservedBy);

/// <summary><c>GET /cluster/shards</c>.</summary>
/// <param name="EntityTypeKeys">The names of what is sharded.</param>
public sealed record ShardTypes(IReadOnlyList<string> EntityTypeKeys);

/// <summary><c>GET /cluster/shards/{name}</c>.</summary>
/// <param name="Regions">The shards on the node that answers.</param>
public sealed record ShardRegions(IReadOnlyList<ShardRegion> Regions);

/// <summary>One shard.</summary>
/// <param name="ShardId">Its id.</param>
/// <param name="NumEntities">How many of its entities are awake.</param>
public sealed record ShardRegion(string ShardId, int NumEntities);

/// <summary>One event of <c>GET /cluster/domain-events</c>.</summary>
/// <param name="Type">What happened; also the event's name.</param>
/// <param name="Member">To whom, or null.</param>
/// <param name="Leader">The new leader's address, where it is about that.</param>
public sealed record DomainEvent(string Type, ClusterMember? Member, string? Leader);

/// <summary>The answer to a change of the cluster.</summary>
/// <param name="Message">What is being done.</param>
public sealed record ManagementMessage(string Message);

/// <summary><c>GET /pool</c>.</summary>
/// <param name="Total">Tokens of the pool.</param>
/// <param name="Free">Can be lent at once.</param>
/// <param name="Active">Lent.</param>
/// <param name="Reserved">An activation of theirs is under way.</param>
/// <param name="InFlight">Activations and releases whose outcome is not known yet.</param>
/// <param name="Waiting">Requests that wait for anything.</param>
/// <param name="NextRelease">Seconds until the lease that ends first is over: 0 if it is overdue, null when nothing is lent.</param>
/// <param name="RebuiltAt">When this pool read the ledger for the first time, by the database's clock.</param>
/// <param name="Node">The address of the node where the pool is.</param>
public sealed record PoolFigures(
    int Total,
    int Free,
    int Active,
    int Reserved,
    int InFlight,
    int Waiting,
    double? NextRelease,
    DateTimeOffset? RebuiltAt,
    string? Node);

/// <summary><c>GET /tokens/{id}</c>.</summary>
/// <param name="Id">The token.</param>
/// <param name="Ordinal">Its place in the pool, from 0.</param>
/// <param name="Status"><c>active</c> or <c>available</c>.</param>
/// <param name="Fence">The fence of its newest usage; 0 before the first.</param>
/// <param name="UsageId">The running usage, or null.</param>
/// <param name="CurrentUserId">Who holds it, or null.</param>
/// <param name="ActivatedAt">Since when, or null.</param>
/// <param name="ExpiresAt">Until when, or null.</param>
public sealed record ManagedToken(
    Guid Id,
    int Ordinal,
    string Status,
    long Fence,
    Guid? UsageId,
    Guid? CurrentUserId,
    DateTimeOffset? ActivatedAt,
    DateTimeOffset? ExpiresAt);

/// <summary><c>POST /tokens/clear</c>.</summary>
/// <param name="Count">How many usages were ended.</param>
/// <param name="Message">The same in words.</param>
public sealed record ClearedTokens([property: JsonPropertyName("cleared_tokens")] int Count, string Message);
