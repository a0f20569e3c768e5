using TokenManager.Cluster.Drills;

namespace TokenManager.Cluster.Tests;

public sealed class OptionsTests
{
    [Fact]
    public void Without_arguments_every_drill_is_run_in_full()
    {
        var (options, error) = Options.Read([]);
        Assert.Null(error);
        Assert.Equal(Drill.All, options!.Drills);
        Assert.Equal(Extent.Full, options.Extent);
    }

    [Fact]
    public void Drills_can_be_chosen_and_shortened()
    {
        var (options, _) = Options.Read(["--short", "--only", "roll, kill"]);
        Assert.Equal(["kill", "roll"], options!.Drills.Select(drill => drill.Name).Order());
        Assert.Equal(Extent.Short, options.Extent);
    }

    [Theory]
    [InlineData("--only", "rol")]
    [InlineData("--only")]
    [InlineData("--shrt")]
    public void What_is_not_understood_is_said(params string[] arguments)
    {
        var (options, error) = Options.Read(arguments);
        Assert.Null(options);
        Assert.Contains(arguments[^1], error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_help_names_every_drill() =>
        Assert.All(Drill.All, drill => Assert.Contains(drill.Name, Options.Help, StringComparison.Ordinal));
}
