using Akka.Actor;
using Microsoft.Extensions.Logging;
using TokenManager.Actors.Cache;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Serialization;

namespace TokenManager.Actors;

/// <summary>
/// Asks the pool, wherever it is, and asks again with the same usage id while it is moving. Shows what was answered in
/// this node's cache before the caller hears of it, so that a node reads its own writes.
/// </summary>
internal sealed class TokenGateway(
    IActorRef pool,
    IActorRef cacheActor,
    TokenCache cache,
    ILedger ledger,
    TimeProvider time,
    ILogger<TokenGateway> log) : ITokenGateway, IPoolMonitor
{
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(4.25);
    private static readonly TimeSpan FirstAskAgain = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LastAskAgain = TimeSpan.FromSeconds(1);
    // A timer knows no shorter one: what is left of the time would be spent on one ask after another.
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan LookForAnotherPool = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan ClearTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StatusTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CatchUpTimeout = TimeSpan.FromSeconds(2);

    // The ledger gives up a few seconds after the database has stopped answering; a large pool takes as long to read.
    private static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(10);

    private readonly SharedRead<PoolReading> _poolReads = new(async () =>
    {
        var image = await ledger.ReadPoolAsync(CancellationToken.None);
        cache.Apply(image.Tokens);
        return new PoolReading(image, cache);
    });

    public async Task<ActivateResult> ActivateAsync(Guid userId, Guid? usageId, CancellationToken cancellationToken)
    {
        var start = time.GetTimestamp();
        var request = new PoolRequest.ActivateToken(userId, usageId ?? Ids.NewUsageId(time), usageId is not null);
        switch (await AskUntilAnsweredAsync(request, cancellationToken))
        {
            case PoolAnswer.Granted(var usage):
                await ShowAsync(usage, cancellationToken);
                return new ActivateResult.Granted(usage);
            case PoolAnswer.UserAlreadyActive:
                return new ActivateResult.UserAlreadyActive();
            case PoolAnswer.Exhausted(var retryAfter):
                return new ActivateResult.PoolExhausted(retryAfter);
            case PoolAnswer.UsageIdReused:
                return await ReusedOrGrantedAsync(request, start, cancellationToken);
            case PoolAnswer.Unavailable(var outcomeUnknown):
                return new ActivateResult.Unavailable(outcomeUnknown);
            default:
                return new ActivateResult.Unavailable(OutcomeUnknown: true);
        }
    }

    /// <summary>
    /// An id that is used up may have been granted to an ask of this very request, whose answer was lost or comes later than
    /// this one, and be over already: then the caller was granted its token, and a clear or an eviction came right after. An
    /// id that no caller chose cannot be used up in any other way.
    /// </summary>
    private async Task<ActivateResult> ReusedOrGrantedAsync(
        PoolRequest.ActivateToken request, long start, CancellationToken cancellationToken)
    {
        try
        {
            if (await ledger.FindUsageAsync(request.UsageId) is not { Usage: var usage, Remaining: var remaining }
                || usage.UserId != request.UserId)
                return request.CallerChoseUsageId ? new ActivateResult.UsageIdReused() : new ActivateResult.Unavailable(OutcomeUnknown: true);

            if (usage.IsOpen)
            {
                await ShowAsync(usage, cancellationToken);
                return new ActivateResult.Granted(usage);
            }

            // By the database's clock, and compared with a span only.
            var age = usage.ExpiresAt - usage.StartedAt - remaining;
            if (request.CallerChoseUsageId && age >= time.GetElapsedTime(start))
                return new ActivateResult.UsageIdReused();

            cache.Apply(usage.TokenId, usage.Fence, current: null);
            return new ActivateResult.Granted(usage with { End = null });
        }
        catch (LedgerUnavailableException)
        {
            return new ActivateResult.Unavailable(OutcomeUnknown: true);
        }
    }

    public async Task<ReleaseResult> ReleaseAsync(Guid tokenId, Guid usageId, CancellationToken cancellationToken)
    {
        switch (await AskUntilAnsweredAsync(new PoolRequest.ReleaseToken(tokenId, usageId), cancellationToken))
        {
            case PoolAnswer.Ended({ End: { } end } usage):
                await ShowAsync(usage, cancellationToken);
                return ResultOf(usage, end);
            case PoolAnswer.TokenNotFound:
                return await ReleaseOfUnknownTokenAsync(tokenId, usageId, cancellationToken);
            case PoolAnswer.UsageMismatch:
                return new ReleaseResult.UsageMismatch();
            case PoolAnswer.Unavailable(var outcomeUnknown):
                return new ReleaseResult.Unavailable(outcomeUnknown);
            default:
                return new ReleaseResult.Unavailable(OutcomeUnknown: true);
        }
    }

    // A token that left the pool has no actor to ask, but a release of it that is sent again gets its answer again.
    private async Task<ReleaseResult> ReleaseOfUnknownTokenAsync(
        Guid tokenId, Guid usageId, CancellationToken cancellationToken)
    {
        try
        {
            if (await ledger.FindUsageAsync(usageId) is not { Usage: var usage } || usage.TokenId != tokenId)
                return new ReleaseResult.TokenNotFound();

            // It runs, so its token is there: that pool has not heard of it yet.
            if (usage.End is not { } end)
                return new ReleaseResult.Unavailable(OutcomeUnknown: false);

            await ShowAsync(usage, cancellationToken);
            return ResultOf(usage, end);
        }
        catch (LedgerUnavailableException)
        {
            return new ReleaseResult.Unavailable(OutcomeUnknown: false);
        }
    }

    // A token that this node has not heard of, because the pool has just grown, is shown by catching up with the pool.
    private async Task ShowAsync(Usage usage, CancellationToken cancellationToken)
    {
        if (!cache.Apply(usage.TokenId, usage.Fence, usage.IsOpen ? usage : null) && usage.IsOpen && cache.IsPrimed)
            await CatchUpAsync(cancellationToken);
    }

    // Without an answer the digest brings the cache up to date a moment later.
    private async Task CatchUpAsync(CancellationToken cancellationToken) =>
        await AskAsync(cacheActor, new TokenCacheActor.CatchUp(), CatchUpTimeout, cancellationToken);

    private static ReleaseResult ResultOf(Usage usage, UsageEnd end) => end.Reason is EndReason.Released
        ? new ReleaseResult.Released(usage.TokenId, usage.UsageId, end.At)
        : new ReleaseResult.AlreadyEnded(end);

    public async Task<ClearResult> ClearAsync(CancellationToken cancellationToken)
    {
        // Asked when the pool is known to be there, and of each pool once.
        var start = time.GetTimestamp();
        var clears = new List<Task<object?>>();
        var answer = await AskUntilAnsweredAsync(new PoolQuery.GetStatus(), cancellationToken);
        while (answer is PoolStatus there && ClearTimeout - time.GetElapsedTime(start) is var left && left >= ShortestPause)
        {
            // To begin it takes no longer than anything else.
            if (Limited(new PoolRequest.ClearTokens(), RequestTimeout) is not { } request)
                break;
            clears.Add(AskAsync(pool, request, left, cancellationToken));
            answer = await AnsweredOrMovedAsync(clears[^1], there, cancellationToken);
            if (answer is PoolAnswer.Moved)
            {
                // Who has made way still says how it is.
                await Task.Delay(FirstAskAgain, cancellationToken);
                answer = await AskUntilAnsweredAsync(new PoolQuery.GetStatus(), cancellationToken);
            }
        }

        if (answer is not PoolAnswer.Cleared)
            return new ClearResult.Unavailable();

        await CatchUpAsync(cancellationToken);

        // A pool clears and answers in the order in which it was asked: whatever an earlier ask brought about has been said.
        var count = 0;
        foreach (var clear in clears.Where(clear => clear.IsCompletedSuccessfully))
            count += await clear is PoolAnswer.Cleared cleared ? cleared.Count : 0;
        return new ClearResult.Cleared(count);
    }

    /// <returns>
    /// The pool's answer, or null; if another pool has taken its place meanwhile, that one's status. What a pool that died,
    /// or had to make way before it was done, has ended is durable, and in nobody's count.
    /// </returns>
    private async Task<object?> AnsweredOrMovedAsync(Task<object?> clear, PoolStatus asked, CancellationToken cancellationToken)
    {
        while (await Task.WhenAny(clear, Task.Delay(LookForAnotherPool, cancellationToken)) != clear)
        {
            if (await ReadStatusAsync(cancellationToken) is { } now
                && (now.Node, now.RebuiltAt) != (asked.Node, asked.RebuiltAt)
                && !clear.IsCompleted)
                return now;
        }

        return await clear;
    }

    // What is read here is shown from the cache, too, before the caller hears of it: the next read must not show less.
    public async Task<StrongListResult> ReadListAsync(TokenFilter filter, CancellationToken cancellationToken)
    {
        try
        {
            var pool = await _poolReads.ReadAsync().WaitAsync(ReadTimeout, time, cancellationToken);
            return new StrongListResult.Found(pool.List(filter), pool.AsOf);
        }
        catch (Exception failure) when (failure is LedgerUnavailableException or TimeoutException)
        {
            log.LogWarning("The pool could not be read from the ledger: {Reason}", failure.Message);
            return new StrongListResult.Unavailable();
        }
    }

    public async Task<StrongDetailsResult> ReadDetailsAsync(Guid tokenId, CancellationToken cancellationToken)
    {
        try
        {
            var (token, readAt) = await ledger.FindTokenAsync(tokenId).WaitAsync(cancellationToken);
            var asOf = cache.AsOfText(readAt);
            if (token is null)
                return new StrongDetailsResult.TokenNotFound(asOf);

            cache.Apply([token]);
            return new StrongDetailsResult.Found(cache.DetailsOf(token), asOf);
        }
        catch (LedgerUnavailableException unavailable)
        {
            log.LogWarning("A token could not be read from the ledger: {Reason}", unavailable.Message);
            return new StrongDetailsResult.Unavailable();
        }
    }

    public async Task<HistoryResult> ReadHistoryAsync(
        Guid tokenId, long? beforeFence, int limit, CancellationToken cancellationToken)
    {
        try
        {
            return await ledger.ReadHistoryAsync(tokenId, beforeFence, limit, cancellationToken);
        }
        catch (LedgerUnavailableException unavailable)
        {
            log.LogWarning("History could not be read: {Reason}", unavailable.Message);
            return new HistoryResult.Unavailable();
        }
    }

    public async Task<PoolStatus?> ReadStatusAsync(CancellationToken cancellationToken) =>
        await AskAsync(pool, new PoolQuery.GetStatus(), StatusTimeout, cancellationToken) as PoolStatus;

    /// <summary>
    /// Asks again and again, twice as long apart each time up to a second: a moving pool is found soon, above all by who knows
    /// that nothing was begun, and a slow one is not asked the same over and over. What any of the asks brought about counts;
    /// that one of them was refused, or could not be carried out, is an answer when no other one is open any more. One that
    /// was not even begun is as good as none. Nothing is asked as long as nobody could say until when somebody waits for it.
    /// </summary>
    private async Task<object?> AskUntilAnsweredAsync(IWireMessage request, CancellationToken cancellationToken)
    {
        var start = time.GetTimestamp();
        var open = new List<Task<object?>>();
        var mayHaveBegun = 0;
        for (var wait = FirstAskAgain;
             RequestTimeout - time.GetElapsedTime(start) is var left && left >= ShortestPause;
             wait = mayHaveBegun == 0 ? FirstAskAgain : Sooner(wait * 2, LastAskAgain))
        {
            if (Limited(request, left) is { } limited)
            {
                open.Add(AskAsync(pool, limited, left, cancellationToken));
                mayHaveBegun++;
            }

            var pause = Task.Delay(Sooner(left, wait), cancellationToken);
            while (await Task.WhenAny([.. open, pause]) is Task<object?> answered)
            {
                open.Remove(answered);
                if (await answered is not { } answer)
                    continue;
                if (answer is PoolAnswer.Moved)
                {
                    mayHaveBegun--;
                    continue;
                }

                if (mayHaveBegun == 1 || !IsRefusal(answer))
                    return answer;
                if (answer is not PoolAnswer.Unavailable)
                    return await AfterTheOthersAsync(answer, open);

                // Where there were more asks than this one, another may have been carried out.
                if (open.Count == 0)
                    return new PoolAnswer.Unavailable(OutcomeUnknown: true);
            }

            await pause;

            // The unanswered ask may use the id: a refusal of the next one must look first what became of it.
            if (request is PoolRequest.ActivateToken activate)
                request = activate with { CallerChoseUsageId = true };
        }

        return mayHaveBegun == 0 ? new PoolAnswer.Unavailable(OutcomeUnknown: false) : null;
    }

    /// <summary>
    /// Nothing more is asked. What was asked already may be carried out as long as somebody waits for it, even by a pool
    /// that was not free a moment ago.
    /// </summary>
    private static async Task<object> AfterTheOthersAsync(object refusal, List<Task<object?>> open)
    {
        var isAnyUnknown = false;
        while (open.Count > 0)
        {
            var answered = await Task.WhenAny(open);
            open.Remove(answered);
            var answer = await answered;
            if (answer is not (null or PoolAnswer.Moved) && !IsRefusal(answer))
                return answer;
            isAnyUnknown |= answer is null or PoolAnswer.Unavailable { OutcomeUnknown: true };
        }

        return isAnyUnknown ? new PoolAnswer.Unavailable(OutcomeUnknown: true) : refusal;
    }

    // What else is answered is so whatever becomes of the other asks.
    private static bool IsRefusal(object answer) =>
        answer is PoolAnswer.Unavailable or PoolAnswer.UserAlreadyActive or PoolAnswer.Exhausted;

    /// <summary>A pool that was asleep meanwhile, or was not there yet, knows by the limit whether anybody still waits.</summary>
    /// <returns>Null while this node has not heard of the database's time.</returns>
    private IWireMessage? Limited(IWireMessage request, TimeSpan left)
    {
        if (request is not PoolRequest wish)
            return request;

        return cache.DatabaseTimeAt(time.GetElapsedTime(0)) is { } now ? wish with { NotAfter = now + left } : null;
    }

    private static TimeSpan Sooner(TimeSpan a, TimeSpan b) => a < b ? a : b;

    /// <summary>The only place here that Asks; a convention test names the others.</summary>
    /// <returns>Null if there was no answer in time.</returns>
    private static async Task<object?> AskAsync(
        IActorRef actor, object message, TimeSpan timeout, CancellationToken cancellationToken)
    {
        try
        {
            return await actor.Ask<object>(message, timeout, cancellationToken);
        }
        catch (AskTimeoutException)
        {
            return null;
        }
    }
}
