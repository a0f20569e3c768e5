using System.Runtime.CompilerServices;
using System.Threading.Channels;
using TokenManager.Actors;
using TokenManager.Actors.Management;

namespace TokenManager.Http.Tests.Management;

/// <summary>A cluster of two and a pool that say what a test says, and remember what they were told.</summary>
internal sealed class ScriptedManagement : IClusterManagement, ITokenManagement
{
    public const string First = "akka.tcp://token-manager@10.0.0.1:4053";
    public const string Second = "akka.tcp://token-manager@10.0.0.2:4053";

    public static readonly Guid TokenId = Guid.Parse("8c1d7a52-4e0f-4b6a-9a3d-5f2e8b7c6d10");

    private static readonly MemberView[] Members =
        [new(First, "17", "Up", ["pool"], "0.1.0"), new(Second, "-18", "Joining", [], "0.2.0")];

    public List<string> Told { get; } = [];

    public Channel<ClusterChange> Changes { get; } = Channel.CreateUnbounded<ClusterChange>();

    public TaskCompletionSource WatchEnded { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ShardsResult Shards { get; set; } = new ShardsResult.Found([new ShardView("7", 2)]);

    public PoolStatus? Status { get; set; }

    public TokenResult Token { get; set; } = new TokenResult.NotFound();

    public ClearResult Clear { get; set; } = new ClearResult.Cleared(0);

    public ClusterView Read() => new(First, Members, [Second], First, Oldest: null);

    public MemberView? Find(string address) =>
        Members.FirstOrDefault(member => member.Node == address || member.Node.EndsWith("@" + address, StringComparison.Ordinal));

    public MemberResult Leave(string address) => Tell("leave", address);

    public MemberResult Down(string address) => Tell("down", address);

    public IReadOnlyList<string> ReadShardTypes() => ["token"];

    public Task<ShardsResult> ReadShardsAsync(string type, CancellationToken cancellationToken) =>
        Task.FromResult(type == "token" ? Shards : new ShardsResult.NotFound());

    public async IAsyncEnumerable<ClusterChange> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var end = cancellationToken.Register(() => Changes.Writer.TryComplete());
        try
        {
            await foreach (var change in Changes.Reader.ReadAllAsync(CancellationToken.None))
                yield return change;
        }
        finally
        {
            WatchEnded.TrySetResult();
        }
    }

    public Task<PoolStatus?> ReadStatusAsync(CancellationToken cancellationToken) => Task.FromResult(Status);

    TokenResult ITokenManagement.Find(Guid tokenId) => tokenId == TokenId ? Token : new TokenResult.NotFound();

    public Task<ClearResult> ClearAsync(CancellationToken cancellationToken) => Task.FromResult(Clear);

    private MemberResult Tell(string command, string address)
    {
        if (Find(address) is not { } member)
            return new MemberResult.NotFound();

        Told.Add($"{command} {member.Node}");
        return new MemberResult.Told(member);
    }
}
