using TokenManager.Node.Terminal;

namespace TokenManager.Node.Tests.Terminal;

public sealed class ArgumentsTests
{
    [Theory]
    [InlineData("")]
    [InlineData("--urls http://127.0.0.1:0")]
    [InlineData("--urls=http://127.0.0.1:0")]
    [InlineData("/urls http://127.0.0.1:0")]
    [InlineData("/urls=http://127.0.0.1:0")]
    [InlineData("urls=http://127.0.0.1:0")]
    [InlineData("--TokenManager:Pool:Size=5")]
    [InlineData("--TokenManager:Pool:Size 5 --Logging:Console:FormatterName=json")]
    [InlineData("--ConnectionStrings:TokenManager=Host=db;Database=tokens")]
    [InlineData("--TokenManager:Management:Url=")]
    [InlineData("--environment Development --contentRoot /srv")]
    [InlineData("--TokenManager:DataDirectory --urls")]
    [InlineData("-x")]
    public void Every_form_of_configuration_starts_a_node(string line) => Assert.False(Arguments.AreCommand(Split(line)));

    [Theory]
    [InlineData("cluster show")]
    [InlineData("tokens")]
    [InlineData("clustre show")]
    [InlineData("show")]
    [InlineData("--json cluster show")]
    [InlineData("--url http://127.0.0.1:1 tokens status")]
    [InlineData("--url=http://127.0.0.1:1")]
    [InlineData("--urls http://127.0.0.1:0 tokens status")]
    [InlineData("--TokenManager:Pool:Size=5 start")]
    [InlineData("-x start")]
    [InlineData("--help")]
    [InlineData("-h")]
    [InlineData("--version")]
    public void Anything_else_is_a_command_or_a_misspelt_one(string line) => Assert.True(Arguments.AreCommand(Split(line)));

    [Theory]
    [InlineData("")]
    [InlineData("--urls http://127.0.0.1:0 /urls=http://127.0.0.1:0 urls=http://127.0.0.1:0")]
    [InlineData("--TokenManager:Management:Url= --Logging:Console:FormatterName=json --environment Development")]
    [InlineData("--TokenManager:DataDirectory --urls")]
    public void What_a_node_hears_is_no_problem(string line) => Assert.Empty(Arguments.Problems(Split(line)));

    [Theory]
    [InlineData("--Pool:Size=5", "Pool:Size is not a known key; the nearest one is TokenManager:Pool:Size.")]
    [InlineData("--Sise 5", "Sise is not a known key; the nearest one is urls.")]
    [InlineData("-x", "x is not a known key; the nearest one is urls.")]
    [InlineData("--urls=http://127.0.0.1:0 --TokenManager:Pool:Size", "TokenManager:Pool:Size has no value; write --TokenManager:Pool:Size=value.")]
    public void What_a_node_would_not_hear_is_said(string line, string problem) =>
        Assert.Equal(problem, Assert.Single(Arguments.Problems(Split(line))));

    private static string[] Split(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
