using System.Diagnostics;
using TokenManager.Actors.Ledger;

namespace TokenManager.Actors.Tokens;

/// <summary>What a token actor does next.</summary>
internal abstract record TokenStep
{
    private TokenStep() { }

    /// <summary>Ask the ledger to open a usage.</summary>
    public sealed record Open(OpenUsage Request) : TokenStep;

    /// <summary>Ask the ledger to close a usage.</summary>
    public sealed record Close(CloseUsage Request) : TokenStep;

    /// <summary>Look a usage up that this token does not remember.</summary>
    public sealed record Find(Guid UsageId) : TokenStep;

    /// <summary>Answer what the ledger decided, and journal it.</summary>
    public sealed record Journal(TokenEvent Event) : TokenStep;

    /// <summary>The running usage is the answer.</summary>
    public sealed record AnswerActivated : TokenStep;

    /// <summary>This ended usage is the answer.</summary>
    public sealed record AnswerEnded(Usage Usage) : TokenStep;

    /// <summary>The token is lent to somebody else.</summary>
    public sealed record AnswerInUse : TokenStep;

    /// <summary>The user has this other usage.</summary>
    public sealed record AnswerUserHolds(UsageRow Other) : TokenStep;

    /// <summary>The usage id names this grant.</summary>
    public sealed record AnswerUsageIdTaken(UsageRow Row) : TokenStep;

    /// <summary>The command came too late to be carried out.</summary>
    public sealed record AnswerTooLate : TokenStep;

    /// <summary>The usage was never this token's.</summary>
    public sealed record AnswerNotMine : TokenStep;

    /// <summary>How the token stands.</summary>
    public sealed record AnswerStanding : TokenStep;

    /// <summary>Read the rows, adopt what is not journaled, and say how the token stands.</summary>
    public sealed record ReadRows : TokenStep;

    /// <summary>The lease still runs for this long; look again then.</summary>
    public sealed record Wait(TimeSpan Remaining) : TokenStep;

    /// <summary>Nothing to do.</summary>
    public sealed record Nothing : TokenStep;

    /// <summary>The ledger knows of a usage that this incarnation has not journaled: stop, recover, adopt.</summary>
    public sealed record Recover : TokenStep;
}

/// <summary>The ledger lacks what the journal has, or contradicts it. Nothing in normal operation leads here.</summary>
internal sealed class LedgerContradictsJournalException(string message) : Exception(message);

/// <summary>
/// Every decision of a token, pure: no clock, no ids, no I/O. The state is what the journal says; the ledger's answers
/// come in as arguments, and always win.
/// </summary>
internal static class TokenDecider
{
    /// <summary>The first step for a command.</summary>
    public static TokenStep Decide(TokenState state, TokenCommand command) => (command, state) switch
    {
        (TokenCommand.Activate activate, TokenState.Active { Usage: var usage }) when usage.UsageId == activate.UsageId =>
            usage.UserId == activate.UserId
                ? new TokenStep.Find(activate.UsageId)
                : new TokenStep.AnswerUsageIdTaken(new UsageRow(usage, TimeSpan.Zero)),
        (TokenCommand.Activate, TokenState.Active) => new TokenStep.AnswerInUse(),
        (TokenCommand.Activate activate, TokenState.Available { Last: { } last }) when last.UsageId == activate.UsageId =>
            new TokenStep.AnswerUsageIdTaken(new UsageRow(last, TimeSpan.Zero)),
        (TokenCommand.Activate activate, TokenState.Available) => new TokenStep.Open(
            new OpenUsage(activate.UsageId, activate.TokenId, activate.UserId, state.Fence + 1, activate.Lease)
            {
                NotAfter = activate.NotAfter,
            }),

        (TokenCommand.Release release, TokenState.Active { Usage: var usage }) when usage.UsageId == release.UsageId =>
            new TokenStep.Close(new CloseUsage(usage.UsageId, release.Reason, usage.ExpiresAt)),
        (TokenCommand.Release release, TokenState.Available { Last: { } last }) when last.UsageId == release.UsageId =>
            new TokenStep.AnswerEnded(last),
        (TokenCommand.Release release, _) => new TokenStep.Find(release.UsageId),

        // Whoever wakes a token doubts what is known of it: the row decides, whether it ended here, elsewhere or not yet.
        (TokenCommand.Wake, TokenState.Active) => DecideExpiry(state),
        (TokenCommand.Wake, TokenState.Available) => new TokenStep.ReadRows(),

        _ => throw new UnreachableException($"{command} in {state}"),
    };

    /// <summary>The lease's timer fired.</summary>
    public static TokenStep DecideExpiry(TokenState state) => state switch
    {
        TokenState.Active { Usage: var usage } =>
            new TokenStep.Close(new CloseUsage(usage.UsageId, EndReason.Expired, usage.ExpiresAt)),
        TokenState.Available => new TokenStep.Nothing(),
        _ => throw new UnreachableException($"{state}"),
    };

    /// <summary>The ledger answered the wish to open a usage.</summary>
    public static TokenStep DecideOpened(TokenState state, TokenCommand.Activate command, OpenResult result)
    {
        switch (result)
        {
            case OpenResult.UserHolds(var row):
                return row.Usage.TokenId == command.TokenId
                    ? new TokenStep.Recover()
                    : new TokenStep.AnswerUserHolds(row);

            case OpenResult.TooLate:
                return new TokenStep.AnswerTooLate();

            case OpenResult.TokenBehind:
                return new TokenStep.Recover();

            case OpenResult.Found(var row) when row.Usage.TokenId != command.TokenId || row.Usage.Fence <= state.Fence:
                return new TokenStep.AnswerUsageIdTaken(row);

            // What was there before may be in the journal already, and one refused event fails a whole batch.
            case OpenResult.Found({ Usage: var usage }) { WasThere: false }
                when usage.IsOpen && usage.UserId == command.UserId && usage.Fence == state.Fence + 1:
                return new TokenStep.Journal(Activated(usage));

            case OpenResult.Found:
                return new TokenStep.Recover();

            default:
                throw new UnreachableException($"{result}");
        }
    }

    /// <summary>The ledger answered the wish to close the running usage.</summary>
    public static TokenStep DecideClosed(TokenState state, CloseResult result) => (result, state) switch
    {
        (CloseResult.Closed { WasThere: true }, TokenState.Active) => new TokenStep.Recover(),
        (CloseResult.Closed { Usage: { End: { } end } usage }, TokenState.Active) =>
            new TokenStep.Journal(Released(usage, end)),
        (CloseResult.NotDue(var row), TokenState.Active) => new TokenStep.Wait(row.Remaining),
        (CloseResult.NotFound, TokenState.Active { Usage: var usage }) => throw new LedgerContradictsJournalException(
            $"Usage {usage.UsageId} of token {usage.TokenId} is in the journal but not in the ledger."),
        _ => throw new UnreachableException($"{result} in {state}"),
    };

    /// <summary>The ledger answered the search for a usage that a command names.</summary>
    public static TokenStep DecideFound(TokenState state, TokenCommand command, UsageRow? row) => (command, row) switch
    {
        // Asked again for the running usage: it is answered only if its row says that it runs.
        (TokenCommand.Activate, { Usage.IsOpen: true }) => new TokenStep.AnswerActivated(),
        (TokenCommand.Activate, _) => new TokenStep.Recover(),
        (_, null) => new TokenStep.AnswerNotMine(),
        (_, { Usage: var usage }) when usage.TokenId != command.TokenId => new TokenStep.AnswerNotMine(),
        (_, { Usage: var usage }) when usage.Fence > state.Fence || usage.IsOpen => new TokenStep.Recover(),
        (_, { Usage: var usage }) => new TokenStep.AnswerEnded(usage),
    };

    /// <summary>
    /// What must be journaled so that the journal says what the ledger says.
    /// </summary>
    /// <param name="state">As recovered from the journal.</param>
    /// <param name="rows">The token's usages from the state's fence on (from 1 if it has none), oldest first.</param>
    /// <exception cref="LedgerContradictsJournalException">The journal is ahead of the ledger.</exception>
    public static IReadOnlyList<TokenEvent> Adopt(TokenState state, IReadOnlyList<UsageRow> rows)
    {
        if (state.Fence > 0 && (rows.Count == 0 || rows[0].Usage.Fence != state.Fence))
        {
            throw new LedgerContradictsJournalException(
                $"The journal knows fence {state.Fence}, the ledger does not: {state}");
        }

        var events = new List<TokenEvent>();
        foreach (var (usage, _) in rows)
        {
            if (usage.Fence == state.Fence)
            {
                var known = state is TokenState.Active active ? active.Usage : ((TokenState.Available)state).Last!;
                if (known.UsageId != usage.UsageId || (state is TokenState.Available && usage.IsOpen))
                    throw new LedgerContradictsJournalException($"The journal says {known}, the ledger says {usage}.");
            }
            else
            {
                Append(Activated(usage));
            }

            if (state is TokenState.Active && usage.End is { } end)
                Append(Released(usage, end));
        }

        return events;

        void Append(TokenEvent @event)
        {
            state = Apply(state, @event);
            events.Add(@event);
        }
    }

    /// <summary>The state after an event. Total over what the journal can hold, loud about what it cannot.</summary>
    public static TokenState Apply(TokenState state, TokenEvent @event) => (@event, state) switch
    {
        (TokenEvent.TokenActivated activated, TokenState.Available) when activated.Fence == state.Fence + 1 =>
            new TokenState.Active(new Usage(
                activated.UsageId,
                activated.TokenId,
                activated.UserId,
                activated.Fence,
                activated.StartedAt,
                activated.ExpiresAt,
                End: null)),
        (TokenEvent.TokenReleased released, TokenState.Active { Usage: var usage })
            when released.UsageId == usage.UsageId =>
            new TokenState.Available(usage with { End = new UsageEnd(released.EndedAt, released.Reason) }),
        _ => throw new UnreachableException($"{@event} in {state}"),
    };

    private static TokenEvent.TokenActivated Activated(Usage usage) => new(
        usage.TokenId, usage.UsageId, usage.UserId, usage.Fence, usage.StartedAt, usage.ExpiresAt);

    private static TokenEvent.TokenReleased Released(Usage usage, UsageEnd end) => new(
        usage.TokenId, usage.UsageId, usage.Fence, end.At, end.Reason);
}
