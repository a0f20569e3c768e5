namespace TokenManager.Actors.Pool;

/// <summary>
/// An operator ends everything that runs. One clear at a time, so that no usage is counted twice; who asks meanwhile
/// shares the next one.
/// </summary>
internal sealed class Clears(PoolBooks books, PoolOutbox outbox, Releases releases)
{
    // So that a mass of cold tokens does not start at once.
    private const int MostUnderWay = 256;

    private Clear? _clear;
    private Clear? _next;

    public void Request(Caller caller)
    {
        if (_clear is not null && outbox.IsFull)
        {
            outbox.Reply(caller, new PoolAnswer.Unavailable(OutcomeUnknown: false));
            return;
        }

        var clear = _clear is null ? new Clear() : _next ??= new Clear();
        clear.Callers.Add(outbox.Hold(caller));
        if (_clear is null)
            Begin(clear);
    }

    /// <summary>The books are what the ledger says: now it is known what there is to end.</summary>
    public void Loaded(TimeSpan now)
    {
        if (_clear is not { AwaitsLoad: true } clear)
            return;

        clear.AwaitsLoad = false;
        outbox.DropLate(clear.Callers, now);
        if (clear.Callers.Count == 0)
        {
            End(now);
            return;
        }

        clear.GivesUpAt = now + PoolDecider.CallerPatience;
        foreach (var slot in books.LongestHeld)
            clear.Left.Enqueue((slot, slot.Usage!.UsageId));
        GoOn(clear, now);
    }

    /// <summary>A release is done that this clear counts.</summary>
    public void ReleaseFinished(Clear clear, Usage? usage, TimeSpan now)
    {
        clear.UnderWay--;
        if (usage?.End?.Reason is EndReason.Cleared)
            clear.Count++;
        clear.GivesUpAt = now + PoolDecider.CallerPatience;
        GoOn(clear, now);
    }

    public void Tick(TimeSpan now)
    {
        DropLateNext(now);
        if (_clear is not { } clear || clear.GivesUpAt > now)
            return;

        clear.Left.Clear();
        Finish(clear, new PoolAnswer.Unavailable(OutcomeUnknown: true), now);
    }

    /// <summary>
    /// First the ledger is read: a clear ends what runs, and not only what is known here. It must have begun while somebody
    /// waits for it: another pool may have answered it since, and what was granted after that is none of its business.
    /// </summary>
    private void Begin(Clear clear)
    {
        _clear = clear;
        clear.GivesUpAt = clear.Callers.Max(caller => caller.GivesUpAt);
        clear.AwaitsLoad = true;
        outbox.Add(new PoolEffect.Reload());
    }

    private void GoOn(Clear clear, TimeSpan now)
    {
        if (clear != _clear || clear.AwaitsLoad)
            return;

        while (clear.UnderWay < MostUnderWay && clear.Left.TryDequeue(out var left))
        {
            var (slot, usageId) = left;
            if (slot.Usage?.UsageId != usageId)
                continue;

            releases.Start(slot.TokenId, usageId, EndReason.Cleared, now).Clear = clear;
            clear.UnderWay++;
        }

        if (clear.UnderWay == 0)
            Finish(clear, new PoolAnswer.Cleared(clear.Count), now);
    }

    private void Finish(Clear clear, PoolAnswer answer, TimeSpan now)
    {
        foreach (var caller in clear.Callers)
        {
            outbox.ReplyHeld(caller, answer);
            // Who shares a clear finds nothing left after the first: each usage is in one answer.
            if (answer is PoolAnswer.Cleared)
                answer = new PoolAnswer.Cleared(0);
        }

        End(now);
    }

    private void End(TimeSpan now)
    {
        DropLateNext(now);
        (_clear, var next) = (null, _next);
        _next = null;
        if (next is not null)
            Begin(next);
    }

    private void DropLateNext(TimeSpan now)
    {
        if (_next is not { } next)
            return;

        outbox.DropLate(next.Callers, now);
        if (next.Callers.Count == 0)
            _next = null;
    }
}
