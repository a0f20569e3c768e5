using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Sharding;
using Akka.Configuration;
using TokenManager.Actors.Hosting;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Hosting;

/// <summary>Two actor systems with the product's configuration, in this process, and shards of something simple.</summary>
[Collection(LongestFirst.Prefix + "hand-over of shards")]
public sealed class ShardHandOverSpecs : IAsyncLifetime
{
    private const string Config =
        """
        akka {
          loglevel = OFF
          stdout-loglevel = OFF
          actor.provider = cluster
          actor.serialization-bindings."System.Object" = json
          remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0 }
          cluster.sharding.rebalance-interval = 1s
        }
        """;

    private static readonly TimeSpan InTime = TimeSpan.FromSeconds(30);

    // As long as an activation may take.
    private static readonly TimeSpan AsLongAsACallerWaits = TimeSpan.FromSeconds(5);

    private static readonly string[] Names = ["1/a", "2/a", "3/a", "4/a"];

    private readonly TaskCompletionSource _over = new();
    private readonly ActorSystem _first = Start();
    private readonly ActorSystem _second = Start();

    public Task InitializeAsync() => Cluster.Get(_first).JoinAsync(Cluster.Get(_first).SelfAddress);

    public async Task DisposeAsync()
    {
        _over.SetResult();
        await Task.WhenAll(_first.Terminate(), _second.Terminate());
    }

    [Fact]
    public async Task A_hand_over_that_somebody_never_agrees_to_is_given_up_while_callers_still_wait()
    {
        var region = await RegionAsync(_first);
        var proxy = await ClusterSharding.Get(_first).StartProxyAsync("thing", string.Empty, new Things(_over.Task));
        Assert.Equal(Names[0], await proxy.Ask<string>(Names[0], InTime));
        proxy.Tell(Things.BeDeaf);
        Assert.Equal(Names, await AskAsync(region, InTime));

        // Half of the shards are to move here, which all regions and proxies must agree to.
        await Cluster.Get(_second).JoinAsync(Cluster.Get(_first).SelfAddress);
        await RegionAsync(_second);

        Task<string[]> waiting = null!;
        await Eventually.Async(
            async () =>
            {
                waiting = AskAsync(region, AsLongAsACallerWaits);
                return await Task.WhenAny(waiting, Task.Delay(TimeSpan.FromMilliseconds(500))) != waiting;
            },
            InTime,
            expression: "a hand-over has begun");
        Assert.Equal(Names, await waiting);
    }

    private static ActorSystem Start() => ActorSystem.Create(
        "token-manager",
        ConfigurationFactory.ParseString(Config).WithFallback(TokenManagerHosting.ProductConfig()));

    private Task<IActorRef> RegionAsync(ActorSystem system) => ClusterSharding.Get(system).StartAsync(
        "thing", Props.Create<Thing>(), ClusterShardingSettings.Create(system), new Things(_over.Task));

    private static Task<string[]> AskAsync(IActorRef region, TimeSpan within) =>
        Task.WhenAll(Names.Select(name => region.Ask<string>(name, within)));

    private sealed class Thing : UntypedActor
    {
        protected override void OnReceive(object message) => Sender.Tell(message);
    }

    /// <summary>Whoever extracts the id of <see cref="BeDeaf"/> hears nothing more until the test is over.</summary>
    private sealed class Things(Task over) : HashCodeMessageExtractor(maxNumberOfShards: 9)
    {
        public const string BeDeaf = "5/deaf";

        public override string? EntityId(object message)
        {
            if (message is BeDeaf)
                over.Wait();
            return message as string;
        }

        public override string ShardId(string entityId, object? messageHint = null) => entityId.Split('/')[0];
    }
}
