using TokenManager.Cluster.Drills;
using Xunit.Abstractions;

namespace TokenManager.Cluster.Tests;

public sealed class ThreeNodesDrillTests(OwnStage own, ITestOutputHelper output) : DrillTests(own, output)
{
    [Fact]
    public Task An_activation_on_one_node_is_soon_shown_by_the_others() => HoldsAsync(PropagationDrill.Drill);

    [Fact]
    public Task The_node_with_the_pool_stops_without_a_failed_request() => HoldsAsync(StopDrill.Drill);

    [Fact]
    public Task The_node_with_the_pool_is_killed_and_nothing_is_lost() => HoldsAsync(KillDrill.Drill);

    [Fact]
    public Task The_node_with_the_pool_freezes_and_does_no_harm_when_it_goes_on() => HoldsAsync(FreezeDrill.Drill);

    [Fact]
    public Task Three_nodes_are_replaced_by_a_higher_version_without_a_failed_request() => HoldsAsync(RollDrill.Drill);
}
