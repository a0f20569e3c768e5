using TokenManager.Cluster.Drills;
using Xunit.Abstractions;

namespace TokenManager.Cluster.Tests;

public sealed class TwoNodesDrillTests(OwnStage own, ITestOutputHelper output) : DrillTests(own, output)
{
    [Fact]
    public Task Of_two_nodes_one_is_killed_and_the_other_goes_on() => HoldsAsync(TwoDrill.Drill);
}
