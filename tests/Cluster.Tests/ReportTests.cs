using TokenManager.Cluster.Drills;

namespace TokenManager.Cluster.Tests;

public sealed class ReportTests
{
    [Fact]
    public void A_missed_bound_is_a_failure_and_a_missed_aim_is_not()
    {
        var report = new Report();
        report.Add(new Figure("kill", "took", 10, "s", Bound: 10, Aim: 6));
        report.Add(new Figure("propagation", "took", 80, "ms", Aim: 50));
        Assert.True(report.IsGood);

        report.Add(new Figure("kill", "failed reads", 1, "", Bound: 0));
        Assert.False(report.IsGood);
        Assert.Equal("kill: failed reads is 1; allowed is 0", Assert.Single(report.Failures));
    }

    [Fact]
    public void A_drill_that_could_not_be_carried_out_is_a_failure()
    {
        var report = new Report();
        report.Fail("roll", "there is no haproxy");
        Assert.False(report.IsGood);
    }

    [Fact]
    public void The_table_has_a_line_for_each_figure_with_its_bound_beside_it()
    {
        var report = new Report();
        report.Add(new Figure("kill", "took", 6.54, "s", Bound: 10, Aim: 6));
        Assert.Equal(
            "| drill | what | value | at most | holds |\n|---|---|---:|---:|---|\n| kill | took | 6.54 s | 10 s (aim 6 s) | yes |\n",
            report.ToMarkdown());
    }
}
