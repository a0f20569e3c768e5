using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Pool;

/// <summary>
/// Activations whose outcome is not known yet: one for each usage id, and one for each user. An activation waits for a
/// token, or for the user's own overdue one, or for the answer of the token that it asked.
/// </summary>
/// <param name="settings">The pool's settings.</param>
/// <param name="books">Who is free.</param>
/// <param name="outbox">What is to be done.</param>
/// <param name="ledger">Comes into doubt when a token does not answer.</param>
/// <param name="releases">Evictions.</param>
/// <param name="admitAgain">Called for each request that waited for the outcome of another one of the same user.</param>
internal sealed class Activations(
    PoolSettings settings,
    PoolBooks books,
    PoolOutbox outbox,
    LedgerHealth ledger,
    Releases releases,
    Action<PoolRequest.ActivateToken, Caller, TimeSpan> admitAgain)
{
    private readonly Dictionary<Guid, Activation> _byUsage = [];
    private readonly Dictionary<Guid, Activation> _byUser = [];
    private readonly LinkedList<Activation> _waitingForToken = [];
    private readonly List<Activation> _ticking = [];
    private long _lastAsk;

    public int Count => _byUsage.Count;

    public int WaitingForToken => _waitingForToken.Count;

    public Activation? Find(Guid usageId) => _byUsage.GetValueOrDefault(usageId);

    public Activation? FindOfUser(Guid userId) => _byUser.GetValueOrDefault(userId);

    /// <summary>Begins with any token, as soon as the user's own overdue one is out of the way.</summary>
    public void Start(PoolRequest.ActivateToken request, Caller caller, TimeSpan now)
    {
        var activation = Begin(request, caller);
        if (books.HeldBy(request.UserId) is not null)
            Park(activation, now);
        else
            Seek(activation, now);
    }

    /// <summary>Begins with the token whose row has the usage: it answers for it.</summary>
    public void StartAt(Slot holder, PoolRequest.ActivateToken request, Caller caller, TimeSpan now) =>
        AskHolder(Begin(request, caller), holder, now);

    /// <summary>The same request comes once more.</summary>
    public void Join(Activation activation, PoolRequest.ActivateToken request, Caller caller)
    {
        outbox.Hold(caller);
        if (activation.Refusal is not null)
        {
            // The refusal was for those who waited then; its own patience has only begun.
            activation.Followers.Enqueue((request, caller));
            return;
        }

        activation.Callers.Add(caller);
        if (caller.GivesUpAt > activation.GivesUpAt)
            activation.GivesUpAt = caller.GivesUpAt;
    }

    /// <summary>There is no token to be had.</summary>
    public PoolAnswer Exhausted(TimeSpan now)
    {
        if (books.NextReleaseAfter(now) is { } retryAfter)
            return new PoolAnswer.Exhausted(retryAfter);

        // Nothing is lent for certain. Where outcomes are unknown, nobody can say that the pool is exhausted.
        return _byUsage.Values.Any(activation => activation.OutcomeUnknown)
            ? new PoolAnswer.Unavailable(OutcomeUnknown: false)
            : new PoolAnswer.Exhausted(settings.Lease);
    }

    // ---- what tokens answer

    /// <summary>The usage runs.</summary>
    public void Granted(Usage usage, TimeSpan now)
    {
        if (Find(usage.UsageId) is { } activation && activation.Request.UserId == usage.UserId)
            Finish(activation, new PoolAnswer.Granted(usage), now);
    }

    /// <summary>This ask came to nothing, whichever token it was. If all have, nobody has to wait until they are over.</summary>
    public void Settled(Guid usageId, long ask, TimeSpan now)
    {
        if (Find(usageId) is not { } activation)
            return;

        activation.Settle(ask);
        if (activation is { Refusal: { } refusal, OutcomeUnknown: false })
            Finish(activation, refusal, now);
    }

    /// <summary>The token that was asked is lent to somebody else.</summary>
    public void TokenInUse(Slot slot, Guid usageId, TimeSpan now)
    {
        if (HeardOf(slot, usageId) is not { } activation)
            return;

        GiveUpToken(activation);
        if (now >= activation.GivesUpAt)
            Refuse(activation, Exhausted(now), now);
        else if (books.NextFree == slot || books.LentAs(usageId) == slot)
            Park(activation, now);
        else
            Seek(activation, now);
    }

    /// <summary>The user has another token.</summary>
    public void UserHolds(Slot slot, Guid usageId, bool isOverdue, TimeSpan now)
    {
        if (HeardOf(slot, usageId) is not { } activation)
            return;

        GiveUpToken(activation);
        if (isOverdue && now < activation.GivesUpAt)
            Park(activation, now);
        else
            Refuse(activation, new PoolAnswer.UserAlreadyActive(), now);
    }

    /// <summary>The usage id stands for a grant elsewhere: if it is this very one, its token answers for it.</summary>
    public void UsageIdTaken(Slot slot, Guid usageId, Usage usage, TimeSpan now)
    {
        if (HeardOf(slot, usageId) is not { } activation)
            return;

        GiveUpToken(activation);
        Follow(activation, usage, now);
    }

    /// <summary>The token could not do it.</summary>
    public void Failed(Slot slot, Guid usageId, bool outcomeUnknown, TimeSpan now)
    {
        if (HeardOf(slot, usageId) is not { } activation)
            return;

        if (outcomeUnknown)
            activation.Doubt();
        if (activation.OutcomeUnknown)
            activation.NextAsk = now + Retry.AfterFailure(activation.Asks);
        else
            Finish(activation, new PoolAnswer.Unavailable(OutcomeUnknown: false), now);
    }

    // ---- what the ledger says

    /// <summary>The ledger was asked for this usage.</summary>
    /// <param name="usageId">The usage.</param>
    /// <param name="answered">False if it could not be asked.</param>
    /// <param name="usage">What its row says, or null.</param>
    /// <param name="askedAt">When it was asked: what it does not know yet may have come since.</param>
    /// <param name="now">Now.</param>
    public void UsageLookedUp(Guid usageId, bool answered, Usage? usage, TimeSpan askedAt, TimeSpan now)
    {
        if (Find(usageId) is not { Refusal: { } refusal } activation)
            return;

        if (usage is not null)
            Follow(activation, usage, now);
        else if (!answered)
            activation.NextAsk = now + Retry.AfterFailure(activation.Asks);
        else if (askedAt < activation.AsksAreOverAt)
            activation.NextAsk = activation.AsksAreOverAt;
        else
            Finish(activation, refusal, now);
    }

    /// <summary>
    /// The ledger answers. Where a token does not, that one is slow, and not what all tokens wait for: another one is
    /// asked as well. The ledger lets only one of them have the usage, whatever comes of the asks before.
    /// </summary>
    public void LedgerAnswers(TimeSpan now)
    {
        foreach (var activation in _byUsage.Values)
        {
            if (activation.IsTokenSilent && activation.Callers.Count > 0 && now < activation.GivesUpAt &&
                PoolBooks.IsPromised(activation.Slot!, activation.Request.UsageId) && books.LastHeardFree is { } other)
            {
                GiveUpToken(activation);
                AskFree(activation, other, now);
            }
        }
    }

    // ---- time

    /// <summary>Asks and looks again, and lets go of callers that have surely given up.</summary>
    public void Tick(TimeSpan now)
    {
        if (_byUsage.Count == 0)
            return;

        // Finishing one may begin others, and may have finished another.
        _ticking.AddRange(_byUsage.Values);
        foreach (var activation in _ticking)
        {
            if (Find(activation.Request.UsageId) == activation)
                Tick(activation, now);
        }

        _ticking.Clear();
    }

    /// <summary>Gives those that wait for a token what has come back, the first one first.</summary>
    public void ServeWaiting(TimeSpan now)
    {
        while (_waitingForToken.First is { Value: var next } && books.NextFree is not null)
            Seek(next, now);

        EvictForWaiting(now);
    }

    private void Tick(Activation activation, TimeSpan now)
    {
        // While somebody else waits on, nobody knows either what it comes to.
        if (activation.OutcomeUnknown || now < activation.GivesUpAt)
            outbox.DropLate(activation.Callers, now);
        DropLateFollowers(activation, now);
        if (activation.NextAsk > now)
            return;

        if (activation.Refusal is not null)
        {
            LookUp(activation, now);
        }
        else if (activation.IsAbandonedAt(now))
        {
            Refuse(activation, new PoolAnswer.Unavailable(OutcomeUnknown: true), now);
        }
        else if (activation.Slot is not null)
        {
            // No answer in time is no answer at all: the ask, or what it led to, may still take effect.
            activation.MissAnswer();
            ledger.Doubt();
            Ask(activation, now);
        }
        else if (now < activation.GivesUpAt || books.LentAs(activation.Request.UsageId) is not null)
        {
            Seek(activation, now);
        }
        else
        {
            Refuse(
                activation,
                books.HeldBy(activation.Request.UserId) is not null
                    ? new PoolAnswer.UserAlreadyActive()
                    : new PoolAnswer.Unavailable(OutcomeUnknown: false),
                now);
        }
    }

    private void DropLateFollowers(Activation activation, TimeSpan now)
    {
        // Who was held back or looked up before comes late, and stands behind those who can wait longer.
        for (var left = activation.Followers.Count; left > 0; left--)
        {
            var (request, caller) = activation.Followers.Dequeue();
            if (caller.GivesUpAt > now)
                activation.Followers.Enqueue((request, caller));
            else
                outbox.ReplyHeld(caller, new PoolAnswer.Unavailable(OutcomeUnknown: request.UsageId == activation.Request.UsageId));
        }
    }

    // ---- from the beginning to the end

    private Activation Begin(PoolRequest.ActivateToken request, Caller caller)
    {
        var activation = new Activation(request, caller.GivesUpAt);
        activation.Callers.Add(outbox.Hold(caller));
        _byUsage.Add(request.UsageId, activation);
        _byUser.Add(request.UserId, activation);
        return activation;
    }

    /// <summary>Finds a token for an activation that has none.</summary>
    private void Seek(Activation activation, TimeSpan now)
    {
        StopWaiting(activation);
        if (books.LentAs(activation.Request.UsageId) is { } own)
        {
            // An earlier ask was carried out after all.
            AskHolder(activation, own, now);
        }
        else if (books.HeldBy(activation.Request.UserId) is { } holder)
        {
            if (holder.IsOverdueAt(now) && now < activation.GivesUpAt)
                Park(activation, now);
            else
                Refuse(activation, new PoolAnswer.UserAlreadyActive(), now);
        }
        else if (books.NextFree is { } slot)
        {
            AskFree(activation, slot, now);
        }
        else if (settings.WhenExhausted is WhenExhausted.EvictOldest && now < activation.GivesUpAt)
        {
            activation.NextAsk = activation.GivesUpAt;
            activation.WaitingNode = _waitingForToken.AddLast(activation);
            EvictForWaiting(now);
        }
        else
        {
            Refuse(activation, Exhausted(now), now);
        }
    }

    /// <summary>Looks again shortly: what stands in the way is past its time, and has been told so.</summary>
    private void Park(Activation activation, TimeSpan now)
    {
        activation.NextAsk = now + Retry.First;
        if (activation.HasWokenHolder || books.HeldBy(activation.Request.UserId) is not { } holder)
            return;

        // Once: from then on it is woken in the rhythm of all that are overdue.
        activation.HasWokenHolder = true;
        if (holder.WakeAt > now)
            books.WakeAt(holder, now);
    }

    /// <summary>One eviction under way for each that waits, the longest held first.</summary>
    private void EvictForWaiting(TimeSpan now)
    {
        var wanted = _waitingForToken.Count - releases.Evicting;
        if (wanted <= 0)
            return;

        var victims = books.LongestHeld
            .Where(slot => !releases.IsUnderWay(slot.TokenId, slot.Usage!.UsageId))
            .Take(wanted)
            .ToArray();
        foreach (var slot in victims)
            releases.Start(slot.TokenId, slot.Usage!.UsageId, EndReason.Evicted, now);
    }

    /// <summary>There is a row of its usage id: if it is this very grant, its token answers for it.</summary>
    private void Follow(Activation activation, Usage usage, TimeSpan now)
    {
        if (!usage.IsOpen || usage.UserId != activation.Request.UserId)
        {
            Finish(activation, new PoolAnswer.UsageIdReused(), now);
        }
        else if (books.Find(usage.TokenId) is { } holder && activation.Callers.Count > 0)
        {
            AskHolder(activation, holder, now);
        }
        else
        {
            if (books.Find(usage.TokenId) is null)
                outbox.Add(new PoolEffect.Reload());
            Finish(activation, new PoolAnswer.Unavailable(OutcomeUnknown: true), now);
        }
    }

    private void AskFree(Activation activation, Slot slot, TimeSpan now)
    {
        books.Reserve(slot, activation.Request.UsageId);
        activation.Slot = slot;
        Ask(activation, now);
    }

    private void AskHolder(Activation activation, Slot holder, TimeSpan now)
    {
        // The row is there: whatever becomes of this ask, "nothing was granted" is never the answer.
        activation.Doubt();
        activation.Refusal = null;
        activation.Slot = holder;
        Ask(activation, now);
    }

    private void Ask(Activation activation, TimeSpan now)
    {
        activation.Asks++;
        activation.Unanswered++;
        activation.NextAsk = now + Retry.WithoutAnswer(activation.Asks);
        // Another one than any before, also than those of a pool that began anew in the same place.
        _lastAsk = Math.Max(_lastAsk + 1, now.Ticks);
        var ask = new TokenCommand.Activate(
            activation.Slot!.TokenId, activation.Request.UsageId, activation.Request.UserId, settings.Lease)
        {
            Ask = _lastAsk,
        };
        outbox.Add(new PoolEffect.TellToken(ask) { NotAfter = activation.LimitAsk(_lastAsk, now) });
    }

    /// <summary>
    /// There is nothing more to try. Of several asks one may be refused and another one carried out: once an outcome was
    /// unknown, the ledger has the last word, when nothing that it was asked can take effect any more.
    /// </summary>
    private void Refuse(Activation activation, PoolAnswer refusal, TimeSpan now)
    {
        if (!activation.OutcomeUnknown)
        {
            Finish(activation, refusal, now);
            return;
        }

        StopWaiting(activation);
        activation.Refusal = refusal;
        LookUp(activation, now);
    }

    private void LookUp(Activation activation, TimeSpan now)
    {
        activation.Asks++;
        activation.NextAsk = now + Retry.WithoutAnswer(activation.Asks);
        outbox.Add(new PoolEffect.LookUpUsage(activation.Request.UsageId));
    }

    /// <summary>The activation that a token's answer is about, if it is the token that is asked now.</summary>
    private Activation? HeardOf(Slot slot, Guid usageId)
    {
        if (Find(usageId) is not { } activation || activation.Slot != slot)
            return null;

        activation.Unanswered = 0;
        return activation;
    }

    private void Finish(Activation activation, PoolAnswer answer, TimeSpan now)
    {
        GiveUpToken(activation);
        StopWaiting(activation);
        _byUsage.Remove(activation.Request.UsageId);
        _byUser.Remove(activation.Request.UserId);
        foreach (var caller in activation.Callers)
            outbox.ReplyHeld(caller, answer);

        foreach (var (request, caller) in activation.Followers)
        {
            outbox.LetGo();
            admitAgain(request, caller, now);
        }
    }

    private void GiveUpToken(Activation activation)
    {
        if (activation.Slot is { } slot)
            books.Unreserve(slot, activation.Request.UsageId, activation.IsTokenSilent);
        activation.Slot = null;
    }

    private void StopWaiting(Activation activation)
    {
        if (activation.WaitingNode is not { } node)
            return;

        _waitingForToken.Remove(node);
        activation.WaitingNode = null;
    }
}
