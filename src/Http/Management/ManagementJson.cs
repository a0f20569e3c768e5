using System.Text.Json.Serialization;

namespace TokenManager.Http.Management;

/// <summary>How what concerns the cluster is written and read.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ClusterMembers))]
[JsonSerializable(typeof(ShardTypes))]
[JsonSerializable(typeof(ShardRegions))]
[JsonSerializable(typeof(DomainEvent))]
[JsonSerializable(typeof(ManagementMessage))]
public sealed partial class ClusterJson : JsonSerializerContext;

/// <summary>How what concerns the pool and its tokens is written and read.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    Converters = [typeof(Timestamps.Converter)])]
[JsonSerializable(typeof(PoolFigures))]
[JsonSerializable(typeof(ManagedToken))]
[JsonSerializable(typeof(ClearedTokens))]
public sealed partial class PoolJson : JsonSerializerContext;
