using TokenManager.Actors.Formation;

namespace TokenManager.Actors.Tests.Formation;

public sealed class FormationDeciderTests
{
    private const string Self = "akka.tcp://token-manager@a:4053";
    private const string Other = "akka.tcp://token-manager@b:4053";
    private const string Third = "akka.tcp://token-manager@c:4053";
    private static readonly TimeSpan Long = ClusterRegistry.TimeToLive;
    private static readonly TimeSpan Short = ClusterRegistry.TimeToLive - TimeSpan.FromMilliseconds(1);

    [Fact]
    public void The_first_node_ever_forms_the_cluster_at_once() =>
        Assert.Equal(new FormationStep.Form(0), Decide(new RegisteredCluster(0, IsAlive: false, []), TimeSpan.Zero));

    [Fact]
    public void A_node_that_was_alone_forms_the_next_cluster_at_once_although_the_last_one_looks_alive() =>
        Assert.Equal(new FormationStep.Form(7), Decide(new RegisteredCluster(7, IsAlive: true, []), TimeSpan.Zero));

    [Fact]
    public void A_living_member_is_asked_to_let_the_node_in()
    {
        var view = new RegisteredCluster(7, IsAlive: true, [Node(Other, alive: false), Node(Third)]);

        Assert.Equal([Third], Assert.IsType<FormationStep.Join>(Decide(view, Long)).Addresses);
    }

    [Fact]
    public void A_node_that_is_forming_the_cluster_is_waited_for()
    {
        var view = new RegisteredCluster(7, IsAlive: true, [Node(Other, joined: false)]);

        Assert.IsType<FormationStep.Wait>(Decide(view, Long));
    }

    [Fact]
    public void The_cluster_of_the_dead_is_followed_by_a_new_one() =>
        Assert.Equal(new FormationStep.Form(7), Decide(Dead, Long));

    [Fact]
    public void Who_has_not_watched_for_a_whole_lease_cannot_tell_the_dead_from_those_without_a_database() =>
        Assert.IsType<FormationStep.Wait>(Decide(Dead, Short));

    [Fact]
    public void A_cluster_that_just_gave_a_sign_of_life_is_not_replaced()
    {
        var view = new RegisteredCluster(7, IsAlive: true, [Node(Other, alive: false)]);

        Assert.IsType<FormationStep.Wait>(Decide(view, Long));
    }

    [Fact]
    public void With_seeds_only_the_first_of_them_forms_a_cluster()
    {
        Assert.Equal(new FormationStep.Form(7), FormationDecider.Decide(Dead, Self, [Self, Other], Long));
        Assert.IsType<FormationStep.Wait>(FormationDecider.Decide(Dead, Self, [Other, Self], Long));
        Assert.IsType<FormationStep.Wait>(FormationDecider.Decide(Dead, Self, [Other, Third], Long));
    }

    [Fact]
    public void With_seeds_a_node_never_asks_itself_to_let_it_in()
    {
        var view = new RegisteredCluster(7, IsAlive: true, [Node(Third)]);

        var step = FormationDecider.Decide(view, Self, [Self, Other, Third], Long);

        Assert.Equal([Other, Third], Assert.IsType<FormationStep.Join>(step).Addresses);
    }

    [Theory]
    [InlineData("akka.tcp", "akka.ssl.tcp")]
    [InlineData("akka.ssl.tcp", "akka.tcp")]
    public void A_node_with_TLS_and_one_without_are_never_in_one_cluster(string own, string theirs)
    {
        var self = $"{own}://token-manager@a:4053";
        var view = new RegisteredCluster(7, IsAlive: true, [Node($"{theirs}://token-manager@b:4053")]);

        Assert.Equal(new FormationStep.StayOut(theirs), FormationDecider.Decide(view, self, [], Long));
        Assert.Equal(new FormationStep.StayOut(theirs), FormationDecider.Decide(view, self, [self], Long));
    }

    private static RegisteredCluster Dead => new(7, IsAlive: false, [Node(Other, alive: false), Node(Third, alive: false)]);

    private static FormationStep Decide(RegisteredCluster view, TimeSpan watched) =>
        FormationDecider.Decide(view, Self, [], watched);

    private static RegisteredNode Node(string address, bool alive = true, bool joined = true) => new(address, alive, joined);
}
