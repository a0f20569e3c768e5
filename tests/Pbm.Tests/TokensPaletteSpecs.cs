using Akka.Actor;
using Akka.TestKit.Xunit2;
using Petabridge.Cmd;
using TokenManager.Actors;
using TokenManager.Actors.Management;
using TokenManager.Node.Pbm;

namespace TokenManager.Pbm.Tests;

/// <summary>The palette as a connection uses it: a command is told to an actor of the handler's props.</summary>
public sealed class TokensPaletteSpecs : TestKit
{
    private static readonly Guid TokenId = Guid.Parse("8c1d7a52-4e0f-4b6a-9a3d-5f2e8b7c6d10");
    private static readonly DateTimeOffset Start = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    private readonly ScriptedTokens _tokens = new();
    private readonly IActorRef _connection;

    public TokensPaletteSpecs()
        : base("akka.loglevel = OFF\nakka.stdout-loglevel = OFF\nakka.test.single-expect-default = 20s") =>
        _connection = Sys.ActorOf(new TokensPalette(() => _tokens).HandlerProps);

    [Fact]
    public void The_palette_has_three_commands_and_show_needs_an_id()
    {
        Assert.Equal("tokens", TokensCommands.Palette.ModuleName);
        Assert.Equal(["status", "show", "clear"], TokensCommands.Palette.Commands.Select(command => command.Name));
        var id = TokensCommands.Show.ArgumentsByName["id"];
        Assert.Equal(["-i"], id.Switch);
        Assert.True(id.IsMandatory);
        Assert.False(id.AllowsMultiple);
        Assert.All(TokensCommands.Palette.Commands, command => Assert.NotEmpty(command.Description));
    }

    [Fact]
    public async Task Status_shows_the_pool_row_by_row()
    {
        _tokens.Status = new PoolStatus(7, 3, 2, 2, 5, TimeSpan.FromSeconds(61.5))
        {
            InFlight = 4,
            RebuiltAt = Start,
            Node = "akka.tcp://token-manager@10.0.0.1:4053",
        };

        Assert.Equal(
            [
                "total: 7", "free: 3", "active: 2", "reserved: 2", "in flight: 4", "waiting: 5", "next release: in 61.5 s",
                "rebuilt at: 2026-01-31T12:00:00.000Z", "node: akka.tcp://token-manager@10.0.0.1:4053",
            ],
            await RowsAsync("status"));
    }

    [Fact]
    public async Task A_pool_that_does_not_answer_is_an_error() =>
        Assert.Equal("The pool does not answer, so it is moving or cannot reach its database.", await ErrorAsync("status"));

    [Fact]
    public async Task Show_shows_a_token_with_and_without_a_usage()
    {
        _tokens.Token = new TokenResult.Found(new TokenView(TokenId, 3, 9, Current: null));
        Assert.Equal(
            [$"id: {TokenId}", "ordinal: 3", "status: available", "fence: 9", "usage: -", "user: -", "activated at: -", "expires at: -"],
            await RowsAsync("show", ("-i", TokenId.ToString())));

        var (usage, user) = (Guid.NewGuid(), Guid.NewGuid());
        _tokens.Token = new TokenResult.Found(new TokenView(
            TokenId, 3, 10, new Usage(usage, TokenId, user, 10, Start, Start.AddMinutes(2), End: null)));
        Assert.Equal(
            [
                $"id: {TokenId}", "ordinal: 3", "status: active", "fence: 10", $"usage: {usage}", $"user: {user}",
                "activated at: 2026-01-31T12:00:00.000Z", "expires at: 2026-01-31T12:02:00.000Z",
            ],
            await RowsAsync("show", ("-i", TokenId.ToString())));
    }

    [Fact]
    public async Task Show_says_why_there_is_nothing_to_show()
    {
        Assert.Equal("The token's id must be a UUID.", await ErrorAsync("show", ("-i", "7")));
        Assert.Equal("The pool has no token with this id.", await ErrorAsync("show", ("-i", Guid.NewGuid().ToString())));
        _tokens.Token = new TokenResult.NotPrimed();
        Assert.Equal(
            "This node is still reading the pool: try again in a moment.", await ErrorAsync("show", ("-i", TokenId.ToString())));
    }

    [Fact]
    public async Task Clear_says_how_many_it_ended()
    {
        _tokens.Clear = new ClearResult.Cleared(3);
        Assert.Equal(["cleared tokens: 3"], await RowsAsync("clear"));
        _tokens.Clear = new ClearResult.Unavailable();
        Assert.Equal("It is not known how many tokens were cleared: clear again to end the rest.", await ErrorAsync("clear"));
    }

    [Fact]
    public async Task An_answer_that_takes_its_time_goes_to_who_asked_for_it()
    {
        var slow = new TaskCompletionSource<PoolStatus?>();
        _tokens.OnReadStatus = () => slow.Task;
        var first = CreateTestProbe();
        _connection.Tell(new Command("tokens", "status", []), first);
        _tokens.Clear = new ClearResult.Cleared(1);
        Assert.Equal(["cleared tokens: 1"], await RowsAsync("clear"));

        slow.SetResult(null);

        await first.ExpectMsgAsync<ErroredCommandResponse>();
        Assert.False(HasMessages);
    }

    [Fact]
    public async Task A_defect_ends_the_command_and_not_the_connection()
    {
        _tokens.OnReadStatus = () => throw new InvalidOperationException("broken");
        Assert.Equal("The node made a mistake: broken", await ErrorAsync("status"));
        _tokens.OnReadStatus = null;
        _tokens.Clear = new ClearResult.Cleared(0);
        Assert.Equal(["cleared tokens: 0"], await RowsAsync("clear"));
    }

    private async Task<List<string>> RowsAsync(string command, params (string Switch, string Value)[] arguments)
    {
        Send(command, arguments);
        var rows = new List<string>();
        while (await ExpectMsgAsync<CommandResponse>() is var response && response != CommandResponse.Empty)
        {
            Assert.IsNotType<ErroredCommandResponse>(response);
            Assert.False(response.Final);
            rows.Add(response.Output);
        }

        return rows;
    }

    private async Task<string> ErrorAsync(string command, params (string Switch, string Value)[] arguments)
    {
        Send(command, arguments);
        return (await ExpectMsgAsync<ErroredCommandResponse>()).Output;
    }

    private void Send(string command, (string Switch, string Value)[] arguments) => _connection.Tell(
        new Command("tokens", command, [.. arguments.Select(argument => Tuple.Create(argument.Switch, argument.Value))]), TestActor);

    private sealed class ScriptedTokens : ITokenManagement
    {
        public PoolStatus? Status { get; set; }

        public TokenResult Token { get; set; } = new TokenResult.NotFound();

        public ClearResult Clear { get; set; } = new ClearResult.Unavailable();

        public Func<Task<PoolStatus?>>? OnReadStatus { get; set; }

        public Task<PoolStatus?> ReadStatusAsync(CancellationToken cancellationToken) =>
            OnReadStatus?.Invoke() ?? Task.FromResult(Status);

        public TokenResult Find(Guid tokenId) => tokenId == TokenId ? Token : new TokenResult.NotFound();

        public Task<ClearResult> ClearAsync(CancellationToken cancellationToken) => Task.FromResult(Clear);
    }
}
