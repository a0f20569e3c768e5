using TokenManager.Actors.Ledger;

namespace TokenManager.Actors.Pool;

/// <summary>
/// What becomes of a request for a token before there is an activation for it: it joins or follows another one, is held
/// back while the ledger is in doubt, waits for the ledger's word about its usage id, is refused, or begins.
/// </summary>
internal sealed class Admission(
    PoolSettings settings, PoolBooks books, PoolOutbox outbox, LedgerHealth ledger, Activations activations)
{
    private readonly Dictionary<Guid, List<(PoolRequest.ActivateToken Request, Caller Caller, PoolAnswer? Refusal)>> _lookUps = [];
    private readonly Queue<(PoolRequest.ActivateToken Request, Caller Caller)> _heldBack = [];

    /// <summary>Decides what becomes of a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="caller">Who asks; not held yet.</param>
    /// <param name="now">Now.</param>
    /// <param name="held">True if the ledger has been heard of since it came: it is not held back again.</param>
    /// <param name="usageIdIsNew">True if the ledger said so.</param>
    public void Admit(
        PoolRequest.ActivateToken request, Caller caller, TimeSpan now, bool held = false, bool usageIdIsNew = false)
    {
        if (books.LentAs(request.UsageId) is { } known)
        {
            // Asked again: whether it still runs is for the ledger to say, not for the memory of a pool that may be stale.
            if (known.Usage!.UserId == request.UserId && !outbox.IsFull)
                LookUp(request, caller, new PoolAnswer.UsageIdReused());
            else if (known.Usage.UserId == request.UserId)
                outbox.Reply(caller, new PoolAnswer.Unavailable(OutcomeUnknown: true));
            else
                outbox.Reply(caller, new PoolAnswer.UsageIdReused());
            return;
        }

        var same = activations.Find(request.UsageId);
        if (same is not null && same.Request.UserId != request.UserId)
        {
            outbox.Reply(caller, new PoolAnswer.UsageIdReused());
            return;
        }

        if (outbox.IsFull)
        {
            outbox.Reply(caller, new PoolAnswer.Unavailable(OutcomeUnknown: same is { OutcomeUnknown: true } or { Slot: not null }));
            return;
        }

        if (same is not null)
        {
            activations.Join(same, request, caller);
            return;
        }

        if (activations.FindOfUser(request.UserId) is { } first)
        {
            first.Followers.Enqueue((request, outbox.Hold(caller)));
            return;
        }

        var holder = books.HeldBy(request.UserId);
        if (holder is not null && !holder.IsOverdueAt(now))
        {
            Refuse(request, caller, new PoolAnswer.UserAlreadyActive());
            return;
        }

        if (ledger.IsInDoubt && !held)
        {
            _heldBack.Enqueue((request, outbox.Hold(caller)));
            return;
        }

        var isExhausted = holder is null && books.NextFree is null;
        if (isExhausted && settings.WhenExhausted is WhenExhausted.Reject)
        {
            Refuse(request, caller, activations.Exhausted(now));
            return;
        }

        // Nobody is evicted for an id that turns out to be used up, and nothing begins under an id that is just being
        // looked up: somebody would be refused for what the ledger did not know yet.
        if ((isExhausted && request.CallerChoseUsageId && !usageIdIsNew) || _lookUps.ContainsKey(request.UsageId))
        {
            LookUp(request, caller, refusal: null);
            return;
        }

        activations.Start(request, caller, now);
    }

    /// <summary>The ledger answered <see cref="PoolEffect.LookUpUsage"/>; the books know of the row already.</summary>
    public void UsageLookedUp(Guid usageId, bool answered, UsageRow? row, TimeSpan now)
    {
        if (!_lookUps.Remove(usageId, out var waiting))
            return;

        // Who is refused shares what has begun under the same id.
        foreach (var (request, caller, refusal) in waiting.OrderBy(one => one.Refusal is not null))
        {
            outbox.LetGo();
            if (!answered)
                outbox.Reply(caller, new PoolAnswer.Unavailable(OutcomeUnknown: true));
            else if (TryJoin(request, caller))
                continue;
            else if (row is null && books.LentAs(usageId)?.Usage!.UserId == request.UserId)
                LookUpAgain(request, caller, now);
            else if (row is null && refusal is null && now >= caller.GivesUpAt)
                outbox.Reply(caller, new PoolAnswer.Unavailable(OutcomeUnknown: false));
            else if (row is null && refusal is null)
                Admit(request, caller, now, held: true, usageIdIsNew: true);
            else if (row is null)
                outbox.Reply(caller, refusal!);
            else if (!row.Usage.IsOpen || row.Usage.UserId != request.UserId)
                outbox.Reply(caller, new PoolAnswer.UsageIdReused());
            else if (books.LentAs(request.UsageId) is not null)
                outbox.Reply(caller, new PoolAnswer.Granted(row.Usage));
            else if (now < caller.GivesUpAt)
                StartAtHolder(request, caller, row.Usage.TokenId, now);
            else
                outbox.Reply(caller, new PoolAnswer.Unavailable(OutcomeUnknown: true));
        }
    }

    /// <summary>The ledger answered <see cref="PoolEffect.CheckLedger"/>, or not.</summary>
    public void LedgerChecked(bool answers, TimeSpan now)
    {
        for (var left = _heldBack.Count; left > 0; left--)
        {
            var (request, caller) = _heldBack.Dequeue();
            outbox.LetGo();
            if (answers && now < caller.GivesUpAt)
                Admit(request, caller, now, held: true);
            else
                outbox.Reply(caller, new PoolAnswer.Unavailable(OutcomeUnknown: false));
        }
    }

    private void Refuse(PoolRequest.ActivateToken request, Caller caller, PoolAnswer refusal)
    {
        if (request.CallerChoseUsageId)
            LookUp(request, caller, refusal);
        else
            outbox.Reply(caller, refusal);
    }

    /// <summary>Asks the ledger what the caller's usage id stands for.</summary>
    /// <param name="request">The request.</param>
    /// <param name="caller">Who waits.</param>
    /// <param name="refusal">The answer if the id is new; null: the request goes on then.</param>
    private void LookUp(PoolRequest.ActivateToken request, Caller caller, PoolAnswer? refusal)
    {
        if (_lookUps.TryGetValue(request.UsageId, out var waiting))
        {
            waiting.Add((request, outbox.Hold(caller), refusal));
            return;
        }

        _lookUps.Add(request.UsageId, [(request, outbox.Hold(caller), refusal)]);
        outbox.Add(new PoolEffect.LookUpUsage(request.UsageId));
    }

    /// <summary>The ledger was asked before it had the row that the books know of.</summary>
    private void LookUpAgain(PoolRequest.ActivateToken request, Caller caller, TimeSpan now)
    {
        if (now < caller.GivesUpAt)
            LookUp(request, caller, new PoolAnswer.UsageIdReused());
        else
            outbox.Reply(caller, new PoolAnswer.Unavailable(OutcomeUnknown: true));
    }

    /// <summary>The same request may have begun while the ledger was asked for this one's id.</summary>
    private bool TryJoin(PoolRequest.ActivateToken request, Caller caller)
    {
        if (activations.Find(request.UsageId) is not { } same || same.Request.UserId != request.UserId)
            return false;

        activations.Join(same, request, caller);
        return true;
    }

    /// <summary>The caller's usage id names an open usage that this pool did not know of: its token answers for it.</summary>
    private void StartAtHolder(PoolRequest.ActivateToken request, Caller caller, Guid tokenId, TimeSpan now)
    {
        if (activations.FindOfUser(request.UserId) is { } first)
        {
            first.Followers.Enqueue((request, outbox.Hold(caller)));
        }
        else if (books.Find(tokenId) is { } holder && activations.Find(request.UsageId) is null)
        {
            activations.StartAt(holder, request, caller, now);
        }
        else
        {
            if (books.Find(tokenId) is null)
                outbox.Add(new PoolEffect.Reload());
            outbox.Reply(caller, new PoolAnswer.Unavailable(OutcomeUnknown: true));
        }
    }
}
