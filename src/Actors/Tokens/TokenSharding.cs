using Akka.Cluster.Sharding;

namespace TokenManager.Actors.Tokens;

/// <summary>
/// How tokens are spread over the cluster. All nodes must agree on the name and the number of shards: they are changed with
/// all nodes stopped, because in a roll a token would be in two shards.
/// </summary>
internal sealed class TokenSharding() : HashCodeMessageExtractor(ShardCount)
{
    public const string TypeName = "token";
    private const int ShardCount = 64;

    /// <summary>How long a token that nobody holds stays in memory.</summary>
    public static readonly TimeSpan IdleAfter = TimeSpan.FromMinutes(2);

    public override string? EntityId(object message) => (message as TokenCommand)?.TokenId.ToString();
}
