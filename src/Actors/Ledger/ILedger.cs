namespace TokenManager.Actors.Ledger;

/// <summary>A usage as one statement saw it.</summary>
/// <param name="Usage">The row.</param>
/// <param name="Remaining">
/// <c>expires_at</c> minus the database's clock in the same statement; negative when overdue. Nodes measure spans
/// from here and never compare <c>expires_at</c> with a clock of their own.
/// </param>
public sealed record UsageRow(Usage Usage, TimeSpan Remaining);

/// <summary>The wish to open a usage.</summary>
/// <param name="UsageId">The identity of the grant; asking twice opens one.</param>
/// <param name="TokenId">The token to lend.</param>
/// <param name="UserId">The user to lend it to.</param>
/// <param name="Fence">One more than the token's newest known fence.</param>
/// <param name="Lease">How long.</param>
public sealed record OpenUsage(Guid UsageId, Guid TokenId, Guid UserId, long Fence, TimeSpan Lease)
{
    /// <summary>By the database's clock: a statement that comes to this later opens nothing. Null: whenever.</summary>
    public DateTimeOffset? NotAfter { get; init; }
}

/// <summary>What the ledger says after trying to open a usage.</summary>
public abstract record OpenResult
{
    private OpenResult() { }

    /// <summary>
    /// There is a row with this usage id, opened now or before. It may be closed, belong to another user or to
    /// another token: the reader compares.
    /// </summary>
    public sealed record Found(UsageRow Row) : OpenResult
    {
        /// <summary>
        /// True if it was there before this statement: then another incarnation may have journaled it already.
        /// </summary>
        public bool WasThere { get; init; }
    }

    /// <summary>Refused: the user has this open usage.</summary>
    public sealed record UserHolds(UsageRow Row) : OpenResult;

    /// <summary>
    /// Refused: this newest usage of the token is still open or has the wanted fence or a higher one, so whoever asked
    /// is behind.
    /// </summary>
    public sealed record TokenBehind(UsageRow Row) : OpenResult;

    /// <summary>Refused: nothing stands in the way, but <see cref="OpenUsage.NotAfter"/> is over.</summary>
    public sealed record TooLate : OpenResult;
}

/// <summary>The wish to close a usage.</summary>
/// <param name="UsageId">Exactly this usage; nothing is ever closed by token.</param>
/// <param name="Reason">
/// <see cref="EndReason.Expired"/> closes only what is due by the database's clock and still expires when the closer
/// believes it does.
/// </param>
/// <param name="ExpiresAt">What the closer believes.</param>
public sealed record CloseUsage(Guid UsageId, EndReason Reason, DateTimeOffset ExpiresAt);

/// <summary>What the ledger says after trying to close a usage.</summary>
public abstract record CloseResult
{
    private CloseResult() { }

    /// <summary>The usage is closed, now or before; its <see cref="Usage.End"/> says how.</summary>
    public sealed record Closed(Usage Usage) : CloseResult
    {
        /// <summary>
        /// True if it was closed before this statement: then another incarnation may have journaled it already.
        /// </summary>
        public bool WasThere { get; init; }
    }

    /// <summary>It still runs: the lease is not over by the database's clock.</summary>
    public sealed record NotDue(UsageRow Row) : CloseResult;

    /// <summary>There is no such usage.</summary>
    public sealed record NotFound : CloseResult;
}

/// <summary>One token as the pool needs it.</summary>
/// <param name="TokenId">The token.</param>
/// <param name="Ordinal">Its place, from 0.</param>
/// <param name="Fence">The fence of its newest usage; 0 before the first.</param>
/// <param name="Open">Its open usage, if any.</param>
public sealed record PoolToken(Guid TokenId, int Ordinal, long Fence, UsageRow? Open);

/// <summary>The whole pool, read by one query.</summary>
/// <param name="Size">How many tokens the pool shall have.</param>
/// <param name="Tokens">
/// By ordinal: every token below <paramref name="Size"/>, and those above it that are still lent.
/// </param>
public sealed record PoolImage(int Size, IReadOnlyList<PoolToken> Tokens)
{
    /// <summary>By the database's clock, a moment before the statement saw the rows.</summary>
    public DateTimeOffset ReadAt { get; init; }
}

/// <summary>One token, read by one statement.</summary>
/// <param name="Token">Null if it is not in the pool: unknown, or beyond the pool's size and not lent.</param>
/// <param name="ReadAt">By the database's clock, a moment before the statement saw the rows.</param>
public sealed record TokenImage(PoolToken? Token, DateTimeOffset ReadAt);

/// <summary>What a sweep finds.</summary>
/// <param name="Size">How many tokens the pool shall have.</param>
/// <param name="Overdue">Open usages past their time, the longest overdue first.</param>
public sealed record SweepImage(int Size, IReadOnlyList<UsageRow> Overdue)
{
    /// <summary>
    /// Tokens whose journal lacks what their rows say: their actor is about to write it, or died before it could. By ordinal.
    /// </summary>
    public IReadOnlyList<Guid> Unjournaled { get; init; } = [];

    /// <summary>Where the next sweep goes on with looking for <see cref="Unjournaled"/>; 0 after the last token.</summary>
    public int NextOrdinal { get; init; }

    /// <summary>By the database's clock, a moment before the size was read.</summary>
    public DateTimeOffset ReadAt { get; init; }
}

/// <summary>
/// The tables that decide. Every write is one conditional statement on each row, whoever sends it, and may be sent
/// again. Times are the database's. Calls that arrive while a statement is under way share the next one.
/// </summary>
/// <remarks>
/// Every method throws <see cref="LedgerUnavailableException"/> when the database does not answer for 3 s; what only reads
/// never reports an unknown outcome. What the tables refuse for another reason than those in the results, such as a
/// token that does not exist, is a defect of the caller and throws the driver's exception.
/// </remarks>
public interface ILedger
{
    /// <summary>
    /// Records the configured pool size, unless a newer app version has recorded its own, and makes the missing
    /// tokens. Safe from several nodes at once.
    /// </summary>
    /// <param name="size">How many tokens the pool shall have.</param>
    /// <param name="appVersion">
    /// One to four numbers with dots between them; what follows '+' or '-' does not count.
    /// </param>
    /// <param name="cancellationToken">Stops between statements; tokens made stay.</param>
    Task DeclarePoolAsync(int size, string appVersion, CancellationToken cancellationToken);

    /// <summary>Makes the missing tokens and reads the whole pool, which must have been declared.</summary>
    Task<PoolImage> LoadPoolAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Reads the whole pool and changes nothing: tokens that are declared and not made yet are missing in it.
    /// </summary>
    Task<PoolImage> ReadPoolAsync(CancellationToken cancellationToken);

    /// <summary>Some token that has been lent before; null if none has.</summary>
    Task<Guid?> FindLentTokenAsync(CancellationToken cancellationToken);

    /// <summary>One token as it stands. Grouped.</summary>
    Task<TokenImage> FindTokenAsync(Guid tokenId);

    /// <summary>
    /// Reads the pool's size, at most <paramref name="limit"/> overdue usages, and as many tokens that are behind in the
    /// journal, which is looked through in parts, so that this takes no longer in a large pool.
    /// </summary>
    /// <param name="limit">The most of either.</param>
    /// <param name="fromOrdinal">0, or what the sweep before said.</param>
    /// <param name="cancellationToken">Stops it.</param>
    Task<SweepImage> SweepAsync(int limit, int fromOrdinal, CancellationToken cancellationToken);

    /// <summary>Tries to open a usage. Grouped.</summary>
    Task<OpenResult> OpenAsync(OpenUsage request);

    /// <summary>Tries to close a usage. Grouped.</summary>
    Task<CloseResult> CloseAsync(CloseUsage request);

    /// <summary>A token's usages with at least this fence, oldest first. Grouped.</summary>
    Task<IReadOnlyList<UsageRow>> ReadTokenAsync(Guid tokenId, long fromFence);

    /// <summary>One usage, or null. Grouped.</summary>
    Task<UsageRow?> FindUsageAsync(Guid usageId);

    /// <summary>A page of a token's usages below a fence, newest first.</summary>
    Task<HistoryResult> ReadHistoryAsync(
        Guid tokenId, long? beforeFence, int limit, CancellationToken cancellationToken);

    /// <summary>Returns the database's time, a moment ago, if the database answers.</summary>
    Task<DateTimeOffset> PingAsync(CancellationToken cancellationToken);
}

/// <summary>The database did not answer in time.</summary>
public sealed class LedgerUnavailableException : Exception
{
    /// <summary>Makes one.</summary>
    /// <param name="outcomeUnknown">
    /// False: the statement never reached the database, nothing happened. True: it may have been, or may yet be, executed.
    /// </param>
    /// <param name="innerException">What the driver said.</param>
    public LedgerUnavailableException(bool outcomeUnknown, Exception? innerException)
        : base(
            outcomeUnknown
                ? "The database did not answer in time; the statement may have been executed."
                : "The database cannot be reached; nothing was executed.",
            innerException) => OutcomeUnknown = outcomeUnknown;

    /// <summary>Whether the statement may have been, or may yet be, executed.</summary>
    public bool OutcomeUnknown { get; }
}
