using TokenManager.Cluster.Drills;
using Xunit.Abstractions;

namespace TokenManager.Cluster.Tests;

/// <summary>The drills that need no privileges, shortened. <c>tests/Cluster.Drills</c> runs all of them in full.</summary>
public sealed class DrillTests(OwnStage own, ITestOutputHelper output) : IClassFixture<OwnStage>
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

    [Fact]
    public Task Of_two_nodes_one_is_killed_and_the_other_goes_on() => HoldsAsync(TwoDrill.Drill);

    private async Task HoldsAsync(Drill drill)
    {
        var report = await own.Stage.RunAsync(drill);
        foreach (var line in own.TakeSaid()) output.WriteLine(line);
        output.WriteLine(report.ToMarkdown());
        Assert.True(report.IsGood, string.Join('\n', report.Failures));
    }
}
