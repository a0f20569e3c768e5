using System.Globalization;
using Akka.Actor;
using Akka.Cluster;
using Akka.Cluster.Sharding;
using Akka.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using TokenManager.Actors.Management;
using TokenManager.Testing;

namespace TokenManager.Actors.Tests.Management;

/// <summary>Real clusters of one and two actor systems in this process.</summary>
public sealed class ClusterManagementSpecs : IAsyncLifetime
{
    private const string Config =
        """
        akka {
          loglevel = OFF
          stdout-loglevel = OFF
          actor.provider = cluster
          coordinated-shutdown.run-by-clr-shutdown-hook = off
          remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0 }
          cluster {
            app-version = "1.2.3"
            roles = [b, a]
            periodic-tasks-initial-delay = 50ms
            gossip-interval = 100ms
            leader-actions-interval = 100ms
            failure-detector { heartbeat-interval = 200ms, acceptable-heartbeat-pause = 1s }
            sharding.state-store-mode = ddata
          }
        }
        """;

    private static readonly TimeSpan InTime = TimeSpan.FromSeconds(30);

    private readonly List<ActorSystem> _systems = [];
    private ActorSystem _first = null!;
    private ClusterManagement _management = null!;

    private string Self => Cluster.Get(_first).SelfAddress.ToString();

    public async Task InitializeAsync()
    {
        _first = Start();
        _management = new ClusterManagement(_first, NullLogger<ClusterManagement>.Instance);
        await Cluster.Get(_first).JoinAsync(Cluster.Get(_first).SelfAddress);
        await Eventually.Async(() => _management.Read() is { Leader: not null, Oldest: not null }, InTime);
    }

    public Task DisposeAsync() => Task.WhenAll(_systems.Select(system => system.Terminate()));

    [Fact]
    public void A_node_alone_is_member_leader_and_oldest_of_its_cluster()
    {
        var view = _management.Read();

        Assert.Equal((Self, Self, Self), (view.SelfNode, view.Leader, view.Oldest));
        Assert.Empty(view.Unreachable);
        var member = Assert.Single(view.Members);
        Assert.Equal((Self, "Up", "1.2.3"), (member.Node, member.Status, member.AppVersion));
        Assert.Equal(["a", "b"], member.Roles);
        Assert.Equal(Cluster.Get(_first).SelfUniqueAddress.Uid, int.Parse(member.NodeUid, CultureInfo.InvariantCulture));
    }

    [Fact]
    public void Before_it_joins_a_node_sees_a_cluster_of_nobody()
    {
        var view = new ClusterManagement(Start(), NullLogger<ClusterManagement>.Instance).Read();

        Assert.Empty(view.Members);
        Assert.Null(view.Leader);
        Assert.Null(view.Oldest);
    }

    [Fact]
    public void A_member_is_found_by_its_address_in_either_form_and_by_no_other()
    {
        Assert.Equal(Self, _management.Find(Self)!.Node);
        Assert.Equal(Self, _management.Find(Self.Split('@')[1])!.Node);
        Assert.Null(_management.Find("127.0.0.1:1"));
        Assert.Null(_management.Find("127.0.0.1"));
        Assert.Null(_management.Find(""));
        Assert.IsType<MemberResult.NotFound>(_management.Leave("127.0.0.1:1"));
        Assert.IsType<MemberResult.NotFound>(_management.Down("akka.tcp://token-manager@127.0.0.1:1"));
        Assert.Equal("Up", Assert.Single(_management.Read().Members).Status);
    }

    [Fact]
    public async Task A_member_that_is_told_to_leave_leaves()
    {
        var second = await JoinAsync();

        var told = Assert.IsType<MemberResult.Told>(_management.Leave(AddressOf(second)));

        Assert.Equal(AddressOf(second), told.Member.Node);
        await Eventually.Async(() => _management.Read().Members.Count == 1, InTime);
        await second.WhenTerminated.WaitAsync(InTime);
    }

    [Fact]
    public async Task A_member_that_does_not_answer_is_shown_as_unreachable_and_gone_when_it_is_taken_for_dead()
    {
        var second = await JoinAsync();
        ((ExtendedActorSystem)second).Abort();
        await Eventually.Async(() => _management.Read().Unreachable is [var node] && node == AddressOf(second), InTime);

        Assert.IsType<MemberResult.Told>(_management.Down(AddressOf(second)));

        await Eventually.Async(() => _management.Read() is { Members.Count: 1, Unreachable.Count: 0 }, InTime);
    }

    [Fact]
    public async Task A_watch_begins_with_the_present_members_and_goes_on_with_what_happens()
    {
        using var stop = new CancellationTokenSource(InTime);
        await using var changes = _management.WatchAsync(stop.Token).GetAsyncEnumerator();
        Assert.True(await changes.MoveNextAsync());
        Assert.Equal(("MemberUp", Self), (changes.Current.Type, changes.Current.Member!.Node));

        var second = await JoinAsync();
        _management.Leave(AddressOf(second));
        var seen = new List<string>();
        while (!seen.Contains("MemberRemoved") && await changes.MoveNextAsync())
        {
            if (changes.Current.Member?.Node == AddressOf(second))
                seen.Add(changes.Current.Type);
        }

        Assert.Equal(["MemberJoined", "MemberUp", "MemberLeft", "MemberExited", "MemberRemoved"], seen);
    }

    [Fact]
    public async Task A_watch_ends_without_an_error_when_it_is_cancelled()
    {
        using var stop = new CancellationTokenSource();
        await using var changes = _management.WatchAsync(stop.Token).GetAsyncEnumerator();
        Assert.True(await changes.MoveNextAsync());

        await stop.CancelAsync();

        while (await changes.MoveNextAsync().AsTask().WaitAsync(InTime))
            Assert.NotNull(changes.Current);
    }

    [Fact]
    public async Task A_watch_ends_when_the_node_does_and_one_begun_later_is_empty()
    {
        await using var changes = _management.WatchAsync(CancellationToken.None).GetAsyncEnumerator();
        Assert.True(await changes.MoveNextAsync());

        await _first.Terminate();

        while (await changes.MoveNextAsync().AsTask().WaitAsync(InTime))
            Assert.NotNull(changes.Current);
        await using var none = _management.WatchAsync(CancellationToken.None).GetAsyncEnumerator();
        Assert.False(await none.MoveNextAsync().AsTask().WaitAsync(InTime));
    }

    [Fact]
    public async Task Shards_are_counted_by_what_is_awake_in_them()
    {
        var region = await ClusterSharding.Get(_first).StartAsync(
            "thing", Props.Create<Thing>(), ClusterShardingSettings.Create(_first), new Things());
        Assert.Equal(["thing"], _management.ReadShardTypes());
        foreach (var thing in (string[])["1/a", "1/b", "2/c"])
            Assert.Equal(thing, await region.Ask<string>(thing, InTime));

        var shards = Assert.IsType<ShardsResult.Found>(await _management.ReadShardsAsync("thing", default)).Shards;

        Assert.Equal([new ShardView("1", 2), new ShardView("2", 1)], shards);
        Assert.IsType<ShardsResult.NotFound>(await _management.ReadShardsAsync("nothing", default));
    }

    private static string AddressOf(ActorSystem system) => Cluster.Get(system).SelfAddress.ToString();

    private ActorSystem Start()
    {
        var system = ActorSystem.Create("token-manager", ConfigurationFactory.ParseString(Config));
        _systems.Add(system);
        return system;
    }

    private async Task<ActorSystem> JoinAsync()
    {
        var second = Start();
        await Cluster.Get(second).JoinAsync(Cluster.Get(_first).SelfAddress);
        await Eventually.Async(() => _management.Find(AddressOf(second)) is { Status: "Up" }, InTime);
        return second;
    }

    private sealed class Thing : UntypedActor
    {
        protected override void OnReceive(object message) => Sender.Tell(message);
    }

    private sealed class Things() : HashCodeMessageExtractor(maxNumberOfShards: 9)
    {
        public override string? EntityId(object message) => message as string;

        public override string ShardId(string entityId, object? messageHint = null) => entityId.Split('/')[0];
    }
}
