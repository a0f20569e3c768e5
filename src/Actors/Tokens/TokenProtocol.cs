using TokenManager.Actors.Ledger;
using TokenManager.Actors.Serialization;

namespace TokenManager.Actors.Tokens;

/// <summary>What a token actor can be told. The token id is all that sharding reads.</summary>
internal abstract record TokenCommand(Guid TokenId) : IWireMessage
{
    /// <summary>How often it was sent again on this node because its token's incarnation ended before it; it is not sent along.</summary>
    public int Redeliveries { get; init; }

    /// <summary>Lend the token. Sent again with the same usage id, it has the same effect and the same answer.</summary>
    public sealed record Activate(Guid TokenId, Guid UsageId, Guid UserId, TimeSpan Lease) : TokenCommand(TokenId)
    {
        /// <summary>By the database's clock: after this, nothing is opened any more. Null: whenever.</summary>
        public DateTimeOffset? NotAfter { get; init; }

        /// <summary>Which one of the asks of whoever sent it; an answer by which it is over names it. 0: they are not counted.</summary>
        public long Ask { get; init; }
    }

    /// <summary>End this usage, and no other.</summary>
    public sealed record Release(Guid TokenId, Guid UsageId, EndReason Reason) : TokenCommand(TokenId);

    /// <summary>Be awake, release what is overdue, and say how things stand.</summary>
    public sealed record Wake(Guid TokenId) : TokenCommand(TokenId);
}

/// <summary>What a token actor says to the pool.</summary>
internal abstract record TokenAnswer(Guid TokenId) : IWireMessage
{
    /// <summary>The usage runs; its row is durable.</summary>
    public sealed record Activated(Guid TokenId, UsageRow Row) : TokenAnswer(TokenId);

    /// <summary>The ledger refused: the user has another open usage.</summary>
    public sealed record UserHolds(Guid TokenId, Guid UsageId, UsageRow Other) : TokenAnswer(TokenId)
    {
        /// <inheritdoc cref="TokenInUse.Ask"/>
        public long Ask { get; init; }
    }

    /// <summary>The usage id already names another grant: an ended one, another user's, or one on another token.</summary>
    public sealed record UsageIdTaken(Guid TokenId, Guid UsageId, UsageRow Row) : TokenAnswer(TokenId);

    /// <summary>The token is lent under another usage id.</summary>
    public sealed record TokenInUse(Guid TokenId, Guid UsageId, UsageRow Current) : TokenAnswer(TokenId)
    {
        /// <summary>The ask that came to nothing, and never will come to anything. 0: it is not said which.</summary>
        public long Ask { get; init; }
    }

    /// <summary>The usage that was to be released has ended, durably; its end says how.</summary>
    public sealed record Ended(Guid TokenId, Usage Usage) : TokenAnswer(TokenId);

    /// <summary>The usage that was to be released was never one of this token's.</summary>
    public sealed record NotMine(Guid TokenId, Guid UsageId) : TokenAnswer(TokenId);

    /// <summary>The command could not be carried through; ask again with the same usage id.</summary>
    /// <param name="TokenId">The token.</param>
    /// <param name="UsageId">The usage that the command named.</param>
    /// <param name="OutcomeUnknown">False only if nothing was sent to the database.</param>
    public sealed record Failed(Guid TokenId, Guid UsageId, bool OutcomeUnknown) : TokenAnswer(TokenId)
    {
        /// <summary>The activation's ask, if its outcome is known: nothing. 0: it is not said which.</summary>
        public long Ask { get; init; }
    }

    /// <summary>How the token stands, after a change that no command asked for, or because it was woken.</summary>
    public sealed record Standing(Guid TokenId, long Fence, UsageRow? Current) : TokenAnswer(TokenId);
}

/// <summary>Published on the topic after every change of a token, in full.</summary>
/// <param name="TokenId">The token.</param>
/// <param name="Fence">The fence of its newest usage.</param>
/// <param name="Current">The running usage, or null.</param>
internal sealed record TokenChanged(Guid TokenId, long Fence, Usage? Current) : IWireMessage;
