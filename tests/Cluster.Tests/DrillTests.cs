using TokenManager.Cluster.Drills;
using Xunit.Abstractions;

namespace TokenManager.Cluster.Tests;

/// <summary>The drills that need no privileges, shortened. <c>tests/Cluster.Drills</c> runs all of them in full.</summary>
public abstract class DrillTests(OwnStage own, ITestOutputHelper output) : IClassFixture<OwnStage>
{
    private protected async Task HoldsAsync(Drill drill)
    {
        var report = await own.Stage.RunAsync(drill);
        foreach (var line in own.TakeSaid()) output.WriteLine(line);
        output.WriteLine(report.ToMarkdown());
        Assert.True(report.IsGood, string.Join('\n', report.Failures));
    }
}
