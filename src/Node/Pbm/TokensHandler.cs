using System.Diagnostics;
using System.Globalization;
using Akka.Actor;
using Petabridge.Cmd;
using Petabridge.Cmd.Host;
using TokenManager.Actors;
using TokenManager.Actors.Management;

namespace TokenManager.Node.Pbm;

/// <summary>Carries out the commands of one connection. It decides nothing: every answer is the management's.</summary>
internal sealed class TokensHandler : CommandHandlerActor
{
    public TokensHandler(ITokenManagement tokens)
        : base(TokensCommands.Palette)
    {
        Process(TokensCommands.Status.Name, _ => Reply(() => StatusAsync(tokens)));
        Process(
            TokensCommands.Show.Name,
            (_, arguments) =>
            {
                var id = arguments.ArgumentValues(TokensCommands.IdArgument).Single();
                Reply(() => Task.FromResult(Show(tokens, id)));
            });
        Process(TokensCommands.Clear.Name, _ => Reply(() => ClearAsync(tokens)));
    }

    /// <summary>Rows to show, or why there are none.</summary>
    private sealed record Answer(IReadOnlyList<string> Rows, string? Error = null)
    {
        public static Answer Refused(string error) => new([], error);
    }

    // The sender is this message's only: it must be known before anything is waited for.
    private void Reply(Func<Task<Answer>> ask) => _ = ReplyAsync(Sender, ask);

    private static async Task ReplyAsync(IActorRef caller, Func<Task<Answer>> ask)
    {
        var answer = await AskAsync(ask);
        if (answer.Error is { } error)
        {
            caller.Tell(new ErroredCommandResponse(error), ActorRefs.NoSender);
            return;
        }

        foreach (var row in answer.Rows)
            caller.Tell(new CommandResponse(row, final: false), ActorRefs.NoSender);
        caller.Tell(CommandResponse.Empty, ActorRefs.NoSender);
    }

    private static async Task<Answer> AskAsync(Func<Task<Answer>> ask)
    {
        try
        {
            return await ask();
        }
#pragma warning disable CA1031 // A command without an answer would hang its terminal.
        catch (Exception failure)
#pragma warning restore CA1031
        {
            return Answer.Refused($"The node made a mistake: {failure.Message}");
        }
    }

    private static async Task<Answer> StatusAsync(ITokenManagement tokens) =>
        await tokens.ReadStatusAsync(CancellationToken.None) is { } status
            ? new Answer(
            [
                Row("total", status.Total),
                Row("free", status.Free),
                Row("active", status.Active),
                Row("reserved", status.Reserved),
                Row("in flight", status.InFlight),
                Row("waiting", status.Waiting),
                Row("next release", status.NextRelease is { } next
                    ? string.Create(CultureInfo.InvariantCulture, $"in {next.TotalSeconds:0.0} s")
                    : null),
                Row("rebuilt at", Time(status.RebuiltAt)),
                Row("node", status.Node),
            ])
            : Answer.Refused("The pool does not answer, so it is moving or cannot reach its database.");

    private static Answer Show(ITokenManagement tokens, string text)
    {
        if (!Guid.TryParseExact(text, "D", out var tokenId))
            return Answer.Refused("The token's id must be a UUID.");

        return tokens.Find(tokenId) switch
        {
            TokenResult.Found { Token: var token } => new Answer(
            [
                Row("id", token.TokenId),
                Row("ordinal", token.Ordinal),
                Row("status", token.Current is null ? "available" : "active"),
                Row("fence", token.Fence),
                Row("usage", token.Current?.UsageId),
                Row("user", token.Current?.UserId),
                Row("activated at", Time(token.Current?.StartedAt)),
                Row("expires at", Time(token.Current?.ExpiresAt)),
            ]),
            TokenResult.NotFound => Answer.Refused("The pool has no token with this id."),
            TokenResult.NotPrimed => Answer.Refused("This node is still reading the pool: try again in a moment."),
            var result => throw new UnreachableException($"There is no token result {result}."),
        };
    }

    private static async Task<Answer> ClearAsync(ITokenManagement tokens) =>
        await tokens.ClearAsync(CancellationToken.None) switch
        {
            ClearResult.Cleared cleared => new Answer([Row("cleared tokens", cleared.Count)]),
            ClearResult.Unavailable => Answer.Refused("It is not known how many tokens were cleared: clear again to end the rest."),
            var result => throw new UnreachableException($"There is no clear result {result}."),
        };

    private static string Row(string name, object? value) =>
        string.Create(CultureInfo.InvariantCulture, $"{name}: {value ?? "-"}");

    private static string? Time(DateTimeOffset? time) =>
        time?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
