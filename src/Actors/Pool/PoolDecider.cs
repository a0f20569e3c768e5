using System.Diagnostics;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Pool;

/// <summary>
/// Every decision of the pool. Deterministic: it reads no clock, makes no ids and does no I/O; <c>now</c> is a span on
/// any monotonic clock. It is the fast path and may be wrong: whatever a token or the ledger says replaces what it
/// believed. Its books always balance: free + lent + reserved is the pool.
/// </summary>
/// <remarks>The books are mutable so that allocation is O(1) for any pool size; see docs/adr.</remarks>
internal sealed class PoolDecider(PoolSettings settings)
{
    /// <summary>How long a caller waits here before it is told that there is no answer.</summary>
    public static readonly TimeSpan CallerPatience = TimeSpan.FromSeconds(3.75);

    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(2);

    // A token that is awake reports its own release; this much later it is asked.
    private static readonly TimeSpan WakeGrace = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan WakeAgain = TimeSpan.FromSeconds(1);

    // Bounds on what one moment may set off, so that a mass of cold tokens does not start at once.
    private const int WakesPerTick = 500;
    private const int ClearsUnderWay = 256;

    private readonly Dictionary<Guid, Slot> _slots = [];
    private readonly Dictionary<Guid, Slot> _retired = [];
    private readonly List<Slot?> _byOrdinal = [];
    private readonly LinkedList<Slot> _free = [];
    private readonly SortedSet<Slot> _byStart = new(Slot.ByStart);
    private readonly SortedSet<Slot> _byWake = new(Slot.ByWake);
    private readonly Dictionary<Guid, Slot> _users = [];
    private readonly Dictionary<Guid, Slot> _usages = [];
    private readonly Dictionary<Guid, Activation> _activations = [];
    private readonly Dictionary<Guid, Activation> _activationOfUser = [];
    private readonly LinkedList<Activation> _waitingForToken = [];
    private readonly Dictionary<(Guid TokenId, Guid UsageId), Release> _releases = [];
    private readonly Dictionary<Guid, List<(PoolRequest.ActivateToken Request, Caller Caller, PoolAnswer? Refusal)>> _lookUps = [];
    private readonly Queue<(PoolRequest.ActivateToken Request, Caller Caller)> _heldBack = [];
    private readonly List<ulong> _digest = [];
    private readonly List<PoolEffect> _effects = [];
    private int _size;
    private int _reserved;
    private int _callers;
    private int _evicting;
    private bool _ledgerInDoubt;
    private bool _ledgerIsAway;
    private Clear? _clear;
    private Clear? _nextClear;

    /// <summary>What is to be done now, in this order; empties itself.</summary>
    public PoolEffect[] TakeEffects()
    {
        if (_effects.Count == 0)
            return [];

        var effects = _effects.ToArray();
        _effects.Clear();
        return effects;
    }

    public PoolDigest Digest(long round) => new(round, [.. _digest]);

    public PoolStatus StatusAt(TimeSpan now) => new(
        _slots.Count,
        _free.Count,
        _byStart.Count,
        _reserved,
        _callers,
        _byWake.Min is { State: SlotState.Lent lent } ? Positive(lent.Deadline - now) : null)
    {
        InFlight = _activations.Count + _releases.Count,
    };

    public PoolBucket Bucket(int bucket)
    {
        var tokens = new List<TokenView>(TokenDigest.BucketSize);
        var first = bucket * TokenDigest.BucketSize;
        for (var i = first; i >= 0 && i < Math.Min(first + TokenDigest.BucketSize, _byOrdinal.Count); i++)
        {
            if (_byOrdinal[i] is { } slot)
                tokens.Add(slot.View);
        }

        return new PoolBucket(bucket, tokens);
    }

    // ---- what the ledger says of the whole pool

    /// <summary>Takes over what the ledger says; whatever is newer here stays.</summary>
    public void Load(PoolImage image, TimeSpan now)
    {
        _size = Math.Max(_size, image.Size);
        foreach (var token in image.Tokens)
        {
            if (!_slots.TryGetValue(token.TokenId, out var slot))
                slot = Add(token.TokenId, token.Ordinal);

            // Nobody is known to be awake for it, so it is looked after to the moment.
            if (Learn(slot, token.Fence, token.Open, now) && slot.State is SlotState.Lent lent)
                WakeAt(slot, lent.Deadline);
        }

        Resize(image.Size);
        if (_clear is { AwaitsLoad: true } clear)
            StartClear(clear, now);
        ServeWaiting(now);
    }

    /// <summary>Takes over what a sweep found.</summary>
    public void Sweep(SweepImage image, TimeSpan now)
    {
        var unknown = image.Size > _size;
        foreach (var row in image.Overdue)
        {
            if (!_slots.TryGetValue(row.Usage.TokenId, out var slot))
            {
                unknown = true;
                continue;
            }

            Learn(slot, row.Usage.Fence, row, now);
            if (slot.State is SlotState.Lent lent && lent.Usage.UsageId == row.Usage.UsageId && slot.WakeAt > now + WakeAgain)
                WakeAt(slot, now);
        }

        if (unknown)
            _effects.Add(new PoolEffect.Reload());
        else if (image.Size < _size)
            Resize(image.Size);
    }

    // ---- requests

    /// <summary>A gateway asks for a token.</summary>
    public void Activate(PoolRequest.ActivateToken request, object from, TimeSpan now) =>
        Admit(request, new Caller(from, now + CallerPatience), now, held: false);

    /// <summary>A holder gives its token back.</summary>
    public void ReleaseToken(PoolRequest.ReleaseToken request, object from, TimeSpan now)
    {
        if (!_slots.ContainsKey(request.TokenId))
        {
            Reply(from, new PoolAnswer.TokenNotFound());
            return;
        }

        if (_usages.TryGetValue(request.UsageId, out var holder) && holder.TokenId != request.TokenId)
        {
            Reply(from, new PoolAnswer.UsageMismatch());
            return;
        }

        // Of a usage that is not known here nothing is lost by asking later, and an outage must not pile them up.
        if (IsFull() || (_ledgerIsAway && holder is null))
        {
            Reply(from, new PoolAnswer.Unavailable(OutcomeUnknown: false));
            return;
        }

        var release = StartRelease(request.TokenId, request.UsageId, EndReason.Released, now);
        release.Callers.Add(Hold(new Caller(from, now + CallerPatience)));
    }

    /// <summary>An operator ends everything. One clear at a time, so that no usage is counted twice.</summary>
    public void ClearTokens(object from, TimeSpan now)
    {
        if (_clear is not null)
        {
            if (IsFull())
            {
                Reply(from, new PoolAnswer.Unavailable(OutcomeUnknown: false));
                return;
            }

            _nextClear ??= new Clear();
            _nextClear.Callers.Add(from);
            _callers++;
            return;
        }

        var clear = new Clear();
        clear.Callers.Add(from);
        _callers++;
        BeginClear(clear, now);
    }

    // ---- what tokens say

    /// <summary>A token answers, or reports by itself.</summary>
    public void TokenAnswered(TokenAnswer answer, TimeSpan now)
    {
        if (!_slots.TryGetValue(answer.TokenId, out var slot))
        {
            // Made by a pool on another node, or retired here: the ledger knows. What was asked of a token before it
            // retired still gets its answer.
            _effects.Add(new PoolEffect.Reload());
            if (!_retired.TryGetValue(answer.TokenId, out slot))
                return;
        }

        switch (answer)
        {
            case TokenAnswer.Activated(_, var row):
                LearnLent(slot, row, now);
                break;

            case TokenAnswer.Standing(_, var fence, null):
                Learn(slot, fence, open: null, now);
                break;

            case TokenAnswer.Standing(_, _, { } row):
                LearnLent(slot, row, now);
                break;

            case TokenAnswer.TokenInUse(_, var usageId, var current):
                LearnLent(slot, current, now);
                // It answers from memory, and the ledger is known to be ahead of it: let it look.
                if (slot.State is not SlotState.Lent)
                    _effects.Add(new PoolEffect.TellToken(new TokenCommand.Wake(slot.TokenId)));
                if (IsAskedBy(slot, usageId, out var unlucky))
                    TryAnotherToken(unlucky, slot, now);
                break;

            case TokenAnswer.UserHolds(_, var usageId, var other):
                LearnElsewhere(other, now);
                if (IsAskedBy(slot, usageId, out var second))
                {
                    Unreserve(second);
                    if (other.Remaining <= TimeSpan.Zero && now < second.GivesUpAt)
                        Park(second, now);
                    else
                        Finish(second, new PoolAnswer.UserAlreadyActive(), now);
                }

                break;

            case TokenAnswer.UsageIdTaken(_, var usageId, var row):
                LearnElsewhere(row, now);
                if (IsAskedBy(slot, usageId, out var reused))
                    FollowUsage(reused, row.Usage, now);
                break;

            case TokenAnswer.Failed(_, var usageId, var outcomeUnknown):
                DoubtLedger();
                var isReleasing = _releases.TryGetValue((slot.TokenId, usageId), out var stuck);
                if (isReleasing)
                    ReleaseFailed(stuck!, outcomeUnknown, now);

                // The failure may be the release's: then it says nothing of the activation of the same usage.
                if (IsAskedBy(slot, usageId, out var failed))
                    AskFailed(failed, outcomeUnknown || isReleasing, now);
                break;

            case TokenAnswer.Ended(_, var usage):
                Learn(slot, usage.Fence, open: null, now);
                FinishRelease(slot.TokenId, usage.UsageId, usage, now);
                break;

            case TokenAnswer.NotMine(_, var usageId):
                FinishRelease(slot.TokenId, usageId, usage: null, now);
                break;

            default:
                throw new UnreachableException($"{answer}");
        }

        ServeWaiting(now);
    }

    // ---- what the ledger says of one question

    /// <summary>The ledger answered <see cref="PoolEffect.LookUpUsage"/>.</summary>
    /// <param name="usageId">The usage.</param>
    /// <param name="answered">False if the ledger could not be asked.</param>
    /// <param name="row">The row, or null.</param>
    /// <param name="now">Now.</param>
    public void UsageLookedUp(Guid usageId, bool answered, UsageRow? row, TimeSpan now)
    {
        if (row is not null)
            LearnElsewhere(row, now);

        // Nobody waits for it any more, and its token never answers. What the row says is believed already.
        if (answered && _activations.TryGetValue(usageId, out var stuck) && stuck.IsAbandonedAt(now))
            Finish(stuck, new PoolAnswer.Unavailable(OutcomeUnknown: true), now);

        if (!_lookUps.Remove(usageId, out var waiting))
            return;

        foreach (var (request, caller, refusal) in waiting)
        {
            _callers--;
            if (!answered)
                Reply(caller.To, new PoolAnswer.Unavailable(OutcomeUnknown: true));
            else if (TryJoin(request, caller))
                continue;
            else if (row is null && refusal is null)
                Admit(request, caller, now, held: true, usageIdIsNew: true);
            else if (row is null)
                Reply(caller.To, refusal!);
            else if (IsRunningHere(row, request))
                Reply(caller.To, new PoolAnswer.Granted(row.Usage));
            else if (row.Usage.UserId == request.UserId && row is { Usage.IsOpen: true } && now < caller.GivesUpAt && !_usages.ContainsKey(request.UsageId))
                AskHolder(request, caller, row.Usage.TokenId, now);
            else
                Reply(caller.To, new PoolAnswer.UsageIdReused());
        }
    }

    /// <summary>Its token has reported it, so it is journaled, and its row says that it runs.</summary>
    private bool IsRunningHere(UsageRow row, PoolRequest.ActivateToken request) =>
        row.Usage.IsOpen && row.Remaining > TimeSpan.Zero && row.Usage.UserId == request.UserId &&
        _usages.ContainsKey(request.UsageId);

    /// <summary>The ledger answered <see cref="PoolEffect.CheckLedger"/>, or not: then it must be asked again soon.</summary>
    public void LedgerChecked(bool answers, TimeSpan now)
    {
        _ledgerInDoubt = _ledgerIsAway = !answers;
        for (var left = _heldBack.Count; left > 0; left--)
        {
            var (request, caller) = _heldBack.Dequeue();
            _callers--;
            if (answers && now < caller.GivesUpAt)
                Admit(request, caller, now, held: true);
            else
                Reply(caller.To, new PoolAnswer.Unavailable(OutcomeUnknown: false));
        }
    }

    // ---- time

    /// <summary>Asks again, wakes what is overdue, and lets go of callers that have surely given up.</summary>
    public void Tick(TimeSpan now)
    {
        for (var i = 0; i < WakesPerTick && _byWake.Min is { } slot && slot.WakeAt <= now; i++)
        {
            WakeAt(slot, now + WakeAgain);
            _effects.Add(new PoolEffect.TellToken(new TokenCommand.Wake(slot.TokenId)));
        }

        foreach (var activation in _activations.Values.ToArray())
        {
            // Finishing one may have finished another.
            if (_activations.GetValueOrDefault(activation.Request.UsageId) == activation)
                TickActivation(activation, now);
        }

        foreach (var release in _releases.Values.ToArray())
        {
            DropCallers(release.Callers, now);
            if (IsForgotten(release))
                FinishRelease(release.TokenId, release.UsageId, usage: null, now);
            else if (release.NextAsk <= now)
                Ask(release, now);
        }

        if (_clear is { } clear && clear.GivesUpAt <= now)
        {
            clear.Left.Clear();
            FinishClear(clear, new PoolAnswer.Unavailable(OutcomeUnknown: true), now);
        }

        ServeWaiting(now);
    }

    // ---- activations

    private void Admit(PoolRequest.ActivateToken request, Caller caller, TimeSpan now, bool held, bool usageIdIsNew = false)
    {
        if (_usages.TryGetValue(request.UsageId, out var known))
        {
            // Asked again: whether it still runs is for the ledger to say, not for the memory of a pool that may be stale.
            if (known.Usage!.UserId == request.UserId && !IsFull())
                LookUp(request, caller, new PoolAnswer.UsageIdReused());
            else if (known.Usage.UserId == request.UserId)
                Reply(caller.To, new PoolAnswer.Unavailable(OutcomeUnknown: true));
            else
                Reply(caller.To, new PoolAnswer.UsageIdReused());
            return;
        }

        if (_activations.TryGetValue(request.UsageId, out var same) && same.Request.UserId != request.UserId)
        {
            Reply(caller.To, new PoolAnswer.UsageIdReused());
            return;
        }

        if (IsFull())
        {
            Reply(caller.To, new PoolAnswer.Unavailable(OutcomeUnknown: same is { OutcomeUnknown: true } or { Slot: not null }));
            return;
        }

        if (same is not null)
        {
            same.Callers.Add(Hold(caller));
            return;
        }

        if (_activationOfUser.TryGetValue(request.UserId, out var first))
        {
            first.Followers.Enqueue((request, Hold(caller)));
            return;
        }

        if (_users.TryGetValue(request.UserId, out var holder) && !IsOverdue(holder, now))
        {
            Refuse(request, caller, new PoolAnswer.UserAlreadyActive());
            return;
        }

        if (_ledgerInDoubt && !held)
        {
            _heldBack.Enqueue((request, Hold(caller)));
            return;
        }

        if (holder is null && _free.Count == 0 && settings.WhenExhausted is WhenExhausted.Reject)
        {
            Refuse(request, caller, Exhausted(now));
            return;
        }

        // Nobody is evicted for an id that turns out to be used up.
        if (holder is null && _free.Count == 0 && request.CallerChoseUsageId && !usageIdIsNew)
        {
            LookUp(request, caller, refusal: null);
            return;
        }

        var activation = Begin(request, caller);
        if (holder is not null)
            Park(activation, now);
        else
            Seek(activation, now);
    }

    private Activation Begin(PoolRequest.ActivateToken request, Caller caller)
    {
        var activation = new Activation(request, caller.GivesUpAt);
        activation.Callers.Add(Hold(caller));
        _activations.Add(request.UsageId, activation);
        _activationOfUser.Add(request.UserId, activation);
        return activation;
    }

    /// <summary>Finds a token for an activation that has none.</summary>
    private void Seek(Activation activation, TimeSpan now)
    {
        if (_users.TryGetValue(activation.Request.UserId, out var holder))
        {
            if (IsOverdue(holder, now) && now < activation.GivesUpAt)
                Park(activation, now);
            else
                Finish(activation, new PoolAnswer.UserAlreadyActive(), now);
        }
        else if (_free.First is { Value: var slot })
        {
            Reserve(slot, activation);
            Ask(activation, now);
        }
        else if (settings.WhenExhausted is WhenExhausted.EvictOldest && now < activation.GivesUpAt)
        {
            activation.NextAsk = activation.GivesUpAt;
            activation.WaitingNode = _waitingForToken.AddLast(activation);
            EvictForWaiting(now);
        }
        else
        {
            Finish(activation, Exhausted(now), now);
        }
    }

    /// <summary>Looks again shortly: what stands in the way is past its time, and has been told so.</summary>
    private void Park(Activation activation, TimeSpan now)
    {
        activation.NextAsk = now + FirstRetry;
        if (activation.HasWokenHolder || !_users.TryGetValue(activation.Request.UserId, out var holder))
            return;

        // Once: from then on it is woken in the rhythm of all that are overdue.
        activation.HasWokenHolder = true;
        if (holder.WakeAt > now)
            WakeAt(holder, now);
    }

    private void TryAnotherToken(Activation activation, Slot busy, TimeSpan now)
    {
        Unreserve(activation);
        if (now < activation.GivesUpAt && _free.First?.Value == busy)
            Park(activation, now);
        else if (now < activation.GivesUpAt)
            Seek(activation, now);
        else
            Finish(activation, Exhausted(now), now);
    }

    /// <summary>The usage id stands for a grant elsewhere: if it is this very one, its token answers for it.</summary>
    private void FollowUsage(Activation activation, Usage usage, TimeSpan now)
    {
        Unreserve(activation);
        if (!usage.IsOpen || usage.UserId != activation.Request.UserId)
        {
            Finish(activation, new PoolAnswer.UsageIdReused(), now);
        }
        else if (_slots.TryGetValue(usage.TokenId, out var holder))
        {
            AskFor(activation, holder, now);
        }
        else
        {
            _effects.Add(new PoolEffect.Reload());
            Finish(activation, new PoolAnswer.Unavailable(OutcomeUnknown: true), now);
        }
    }

    /// <summary>The caller's usage id names an open usage that this pool did not know of: its token answers for it.</summary>
    private void AskHolder(PoolRequest.ActivateToken request, Caller caller, Guid tokenId, TimeSpan now)
    {
        if (_activations.ContainsKey(request.UsageId))
            Reply(caller.To, new PoolAnswer.Unavailable(OutcomeUnknown: true)); // Another user tries this id meanwhile.
        else if (_activationOfUser.TryGetValue(request.UserId, out var first))
            first.Followers.Enqueue((request, Hold(caller)));
        else if (_slots.TryGetValue(tokenId, out var holder))
            AskFor(Begin(request, caller), holder, now);
        else
            Reply(caller.To, new PoolAnswer.Unavailable(OutcomeUnknown: true));
    }

    /// <summary>The same request may have begun while the ledger was asked for this one's id.</summary>
    private bool TryJoin(PoolRequest.ActivateToken request, Caller caller)
    {
        if (!_activations.TryGetValue(request.UsageId, out var same) || same.Request.UserId != request.UserId)
            return false;

        same.Callers.Add(Hold(caller));
        return true;
    }

    private void Refuse(PoolRequest.ActivateToken request, Caller caller, PoolAnswer refusal)
    {
        if (!request.CallerChoseUsageId)
        {
            Reply(caller.To, refusal);
            return;
        }

        LookUp(request, caller, refusal);
    }

    /// <summary>Asks the ledger what the caller's usage id stands for.</summary>
    /// <param name="request">The request.</param>
    /// <param name="caller">Who waits.</param>
    /// <param name="refusal">The answer if the id is new; null: the request goes on then.</param>
    private void LookUp(PoolRequest.ActivateToken request, Caller caller, PoolAnswer? refusal)
    {
        if (_lookUps.TryGetValue(request.UsageId, out var waiting))
        {
            waiting.Add((request, Hold(caller), refusal));
            return;
        }

        _lookUps.Add(request.UsageId, [(request, Hold(caller), refusal)]);
        _effects.Add(new PoolEffect.LookUpUsage(request.UsageId));
    }

    private void AskFor(Activation activation, Slot holder, TimeSpan now)
    {
        // The row is there: whatever becomes of this ask, "nothing was granted" is never the answer.
        activation.OutcomeUnknown = true;
        activation.Slot = holder;
        Ask(activation, now);
    }

    private void Ask(Activation activation, TimeSpan now)
    {
        activation.Asks++;
        activation.NextAsk = now + AnswerTimeout + Backoff(activation.Asks);
        _effects.Add(new PoolEffect.TellToken(new TokenCommand.Activate(
            activation.Slot!.TokenId, activation.Request.UsageId, activation.Request.UserId, settings.Lease)));
    }

    private void AskFailed(Activation activation, bool outcomeUnknown, TimeSpan now)
    {
        activation.OutcomeUnknown |= outcomeUnknown;
        if (activation.OutcomeUnknown)
            activation.NextAsk = now + Backoff(activation.Asks);
        else
            Finish(activation, new PoolAnswer.Unavailable(OutcomeUnknown: false), now);
    }

    private void TickActivation(Activation activation, TimeSpan now)
    {
        if (activation.OutcomeUnknown)
            DropCallers(activation.Callers, now);
        DropFollowers(activation, now);
        if (activation.NextAsk > now)
            return;

        if (activation.Slot is not null)
        {
            // No answer in time is no answer at all: the ask, or what it led to, may still take effect.
            activation.OutcomeUnknown = true;
            DoubtLedger();
            Ask(activation, now);
            if (activation.IsAbandonedAt(now))
                _effects.Add(new PoolEffect.LookUpUsage(activation.Request.UsageId));
        }
        else if (now < activation.GivesUpAt)
        {
            Seek(activation, now);
        }
        else
        {
            Finish(
                activation,
                _users.ContainsKey(activation.Request.UserId)
                    ? new PoolAnswer.UserAlreadyActive()
                    : new PoolAnswer.Unavailable(OutcomeUnknown: false),
                now);
        }
    }

    private void Finish(Activation activation, PoolAnswer answer, TimeSpan now)
    {
        Unreserve(activation);
        StopWaiting(activation);
        _activations.Remove(activation.Request.UsageId);
        _activationOfUser.Remove(activation.Request.UserId);
        foreach (var caller in activation.Callers)
            ReplyHeld(caller, answer);

        foreach (var (request, caller) in activation.Followers)
        {
            _callers--;
            Admit(request, caller, now, held: false);
        }
    }

    private void StopWaiting(Activation activation)
    {
        if (activation.WaitingNode is not { } node)
            return;

        _waitingForToken.Remove(node);
        activation.WaitingNode = null;
    }

    private void ServeWaiting(TimeSpan now)
    {
        while (_waitingForToken.First is { Value: var next } && _free.Count > 0)
        {
            StopWaiting(next);
            Seek(next, now);
        }

        EvictForWaiting(now);
    }

    /// <summary>One eviction under way for each that waits, the longest held first.</summary>
    private void EvictForWaiting(TimeSpan now)
    {
        if (_waitingForToken.Count == 0)
            return;

        var wanted = _waitingForToken.Count - _evicting;
        if (wanted <= 0)
            return;

        var victims = _byStart
            .Where(slot => !_releases.ContainsKey((slot.TokenId, slot.Usage!.UsageId)))
            .Take(wanted)
            .ToArray();
        foreach (var slot in victims)
            StartRelease(slot.TokenId, slot.Usage!.UsageId, EndReason.Evicted, now);
    }

    private PoolAnswer Exhausted(TimeSpan now)
    {
        if (_byWake.Min is { State: SlotState.Lent lent })
            return new PoolAnswer.Exhausted(Positive(lent.Deadline - now));

        // Nothing is lent for certain. Where outcomes are unknown, nobody can say that the pool is exhausted.
        return _activations.Values.Any(activation => activation.OutcomeUnknown)
            ? new PoolAnswer.Unavailable(OutcomeUnknown: false)
            : new PoolAnswer.Exhausted(settings.Lease);
    }

    // ---- releases

    private Release StartRelease(Guid tokenId, Guid usageId, EndReason reason, TimeSpan now)
    {
        if (_releases.TryGetValue((tokenId, usageId), out var release))
            return release;

        release = new Release(tokenId, usageId, reason);
        _releases.Add((tokenId, usageId), release);
        if (reason is EndReason.Evicted)
            _evicting++;
        Ask(release, now);
        return release;
    }

    private void Ask(Release release, TimeSpan now)
    {
        release.Asks++;
        release.NextAsk = now + AnswerTimeout + Backoff(release.Asks);
        _effects.Add(new PoolEffect.TellToken(
            new TokenCommand.Release(release.TokenId, release.UsageId, release.Reason)));
    }

    private void ReleaseFailed(Release release, bool outcomeUnknown, TimeSpan now)
    {
        release.OutcomeUnknown |= outcomeUnknown;
        release.NextAsk = now + Backoff(release.Asks);

        // Nobody is evicted later for the sake of those who have given up by now.
        if (release is { Reason: EndReason.Evicted, OutcomeUnknown: false, Callers.Count: 0, Clear: null } &&
            _waitingForToken.Count == 0)
        {
            FinishRelease(release.TokenId, release.UsageId, usage: null, now);
        }
    }

    /// <summary>Nobody waits for it, and it names no usage that is known to run.</summary>
    private bool IsForgotten(Release release) =>
        release is { Reason: EndReason.Released, Callers.Count: 0, Clear: null } && !_usages.ContainsKey(release.UsageId);

    private void FinishRelease(Guid tokenId, Guid usageId, Usage? usage, TimeSpan now)
    {
        if (!_releases.Remove((tokenId, usageId), out var release))
            return;

        if (release.Reason is EndReason.Evicted)
            _evicting--;

        foreach (var caller in release.Callers)
            ReplyHeld(caller, usage is null ? new PoolAnswer.UsageMismatch() : new PoolAnswer.Ended(usage));

        if (release.Clear is { } clear)
        {
            clear.UnderWay--;
            if (usage?.End?.Reason is EndReason.Cleared)
                clear.Count++;
            clear.GivesUpAt = now + CallerPatience;
            GoOnClearing(clear, now);
        }
    }

    /// <summary>First the ledger is read: a clear ends what runs, and not only what is known here.</summary>
    private void BeginClear(Clear clear, TimeSpan now)
    {
        _clear = clear;
        clear.GivesUpAt = now + CallerPatience;
        clear.AwaitsLoad = true;
        _effects.Add(new PoolEffect.Reload());
    }

    private void StartClear(Clear clear, TimeSpan now)
    {
        clear.AwaitsLoad = false;
        clear.GivesUpAt = now + CallerPatience;
        foreach (var slot in _byStart)
            clear.Left.Enqueue((slot, slot.Usage!.UsageId));
        GoOnClearing(clear, now);
    }

    private void GoOnClearing(Clear clear, TimeSpan now)
    {
        if (clear != _clear || clear.AwaitsLoad)
            return;

        while (clear.UnderWay < ClearsUnderWay && clear.Left.TryDequeue(out var left))
        {
            var (slot, usageId) = left;
            if (slot.Usage?.UsageId != usageId)
                continue;

            StartRelease(slot.TokenId, usageId, EndReason.Cleared, now).Clear = clear;
            clear.UnderWay++;
        }

        if (clear.UnderWay == 0)
            FinishClear(clear, new PoolAnswer.Cleared(clear.Count), now);
    }

    private void FinishClear(Clear clear, PoolAnswer answer, TimeSpan now)
    {
        foreach (var caller in clear.Callers)
        {
            _callers--;
            Reply(caller, answer);
            // Who shares a clear finds nothing left after the first: each usage is in one answer.
            if (answer is PoolAnswer.Cleared)
                answer = new PoolAnswer.Cleared(0);
        }

        (_clear, var next) = (null, _nextClear);
        _nextClear = null;
        if (next is not null)
            BeginClear(next, now);
    }

    // ---- the books

    private Slot Add(Guid tokenId, int ordinal)
    {
        if (!_retired.Remove(tokenId, out var slot))
            slot = new Slot(tokenId, ordinal);
        slot.State = SlotState.Free.Instance;
        _slots.Add(tokenId, slot);
        while (_byOrdinal.Count <= ordinal)
            _byOrdinal.Add(null);
        _byOrdinal[ordinal] = slot;
        while (_digest.Count <= TokenDigest.BucketOf(ordinal))
            _digest.Add(0);
        _digest[TokenDigest.BucketOf(ordinal)] += TokenDigest.Mix(ordinal, slot.Version);
        slot.FreeNode = _free.AddLast(slot);
        return slot;
    }

    /// <summary>A smaller pool lets go of its highest tokens, each as soon as nobody holds it.</summary>
    private void Resize(int size)
    {
        _size = size;
        for (var ordinal = _byOrdinal.Count - 1; ordinal >= size; ordinal--)
        {
            if (_byOrdinal[ordinal] is { State: SlotState.Free } slot)
                Retire(slot);
        }
    }

    private void Retire(Slot slot)
    {
        _free.Remove(slot.FreeNode!);
        _digest[TokenDigest.BucketOf(slot.Ordinal)] -= TokenDigest.Mix(slot.Ordinal, slot.Version);
        _slots.Remove(slot.TokenId);
        _byOrdinal[slot.Ordinal] = null;
        slot.State = SlotState.Retired.Instance;
        _retired.Add(slot.TokenId, slot);
    }

    private void LearnLent(Slot slot, UsageRow row, TimeSpan now)
    {
        Learn(slot, row.Usage.Fence, row, now);
        if (_activations.TryGetValue(row.Usage.UsageId, out var activation) &&
            activation.Request.UserId == row.Usage.UserId)
        {
            Finish(activation, new PoolAnswer.Granted(row.Usage), now);
        }
    }

    private void LearnElsewhere(UsageRow row, TimeSpan now)
    {
        if (_slots.TryGetValue(row.Usage.TokenId, out var slot))
            Learn(slot, row.Usage.Fence, row.Usage.IsOpen ? row : null, now);
    }

    /// <summary>Believes what is newer than what is believed.</summary>
    /// <returns>False if it was not newer.</returns>
    private bool Learn(Slot slot, long fence, UsageRow? open, TimeSpan now)
    {
        if (slot.State is SlotState.Retired || TokenView.VersionOf(fence, open is not null) <= slot.Version)
            return false;

        _digest[TokenDigest.BucketOf(slot.Ordinal)] -= TokenDigest.Mix(slot.Ordinal, slot.Version);
        switch (slot.State)
        {
            case SlotState.Free:
                _free.Remove(slot.FreeNode!);
                slot.FreeNode = null;
                break;
            case SlotState.Lent lent:
                _byStart.Remove(slot);
                _byWake.Remove(slot);
                _usages.Remove(lent.Usage.UsageId);
                if (_users.TryGetValue(lent.Usage.UserId, out var held) && held == slot)
                    _users.Remove(lent.Usage.UserId);
                break;
            case SlotState.Reserved:
                _reserved--;
                break;
            default:
                throw new UnreachableException($"{slot.State}");
        }

        slot.Fence = fence;
        if (open is { Usage: var usage })
        {
            // The ledger lets a user hold one token only: of two that are believed, the older one is out of date.
            var isNewest = true;
            if (_users.TryGetValue(usage.UserId, out var other))
            {
                isNewest = other.Usage!.StartedAt <= usage.StartedAt;
                if (isNewest)
                    WakeAt(other, now);
            }

            slot.State = new SlotState.Lent(usage, now + open.Remaining);
            slot.WakeAt = isNewest ? now + open.Remaining + WakeGrace : now;
            _byStart.Add(slot);
            _byWake.Add(slot);
            _usages[usage.UsageId] = slot;
            if (isNewest)
                _users[usage.UserId] = slot;
        }
        else if (slot.State is SlotState.Reserved)
        {
            _reserved++;
        }
        else
        {
            slot.State = SlotState.Free.Instance;
            slot.FreeNode = _free.AddLast(slot);
        }

        _digest[TokenDigest.BucketOf(slot.Ordinal)] += TokenDigest.Mix(slot.Ordinal, slot.Version);
        if (slot.State is SlotState.Free && slot.Ordinal >= _size)
            Retire(slot);
        return true;
    }

    private void Reserve(Slot slot, Activation activation)
    {
        _free.Remove(slot.FreeNode!);
        slot.FreeNode = null;
        slot.State = new SlotState.Reserved(activation);
        activation.Slot = slot;
        _reserved++;
    }

    private void Unreserve(Activation activation)
    {
        if (activation.Slot is { State: SlotState.Reserved reserved } slot && reserved.For == activation)
        {
            slot.State = SlotState.Free.Instance;
            slot.FreeNode = _free.AddLast(slot);
            _reserved--;
            if (slot.Ordinal >= _size)
                Retire(slot);
        }

        activation.Slot = null;
    }

    private void WakeAt(Slot slot, TimeSpan at)
    {
        _byWake.Remove(slot);
        slot.WakeAt = at;
        _byWake.Add(slot);
    }

    private static bool IsOverdue(Slot slot, TimeSpan now) => slot.State is SlotState.Lent lent && lent.Deadline <= now;

    private bool IsAskedBy(Slot slot, Guid usageId, out Activation activation) =>
        _activations.TryGetValue(usageId, out activation!) && activation.Slot == slot;

    private void DoubtLedger()
    {
        if (_ledgerInDoubt)
            return;

        _ledgerInDoubt = true;
        _effects.Add(new PoolEffect.CheckLedger());
    }

    // ---- callers

    private bool IsFull() => _callers >= settings.MaxWaiting;

    private Caller Hold(Caller caller)
    {
        _callers++;
        return caller;
    }

    private void ReplyHeld(Caller caller, PoolAnswer answer)
    {
        _callers--;
        Reply(caller.To, answer);
    }

    private void Reply(object to, PoolAnswer answer) => _effects.Add(new PoolEffect.Reply(to, answer));

    private void DropCallers(List<Caller> callers, TimeSpan now) => callers.RemoveAll(caller =>
    {
        if (caller.GivesUpAt > now)
            return false;

        ReplyHeld(caller, new PoolAnswer.Unavailable(OutcomeUnknown: true));
        return true;
    });

    private void DropFollowers(Activation activation, TimeSpan now)
    {
        while (activation.Followers.TryPeek(out var first) && first.Caller.GivesUpAt <= now)
        {
            activation.Followers.Dequeue();
            ReplyHeld(first.Caller, new PoolAnswer.Unavailable(OutcomeUnknown: false));
        }
    }

    private static TimeSpan Positive(TimeSpan span) => span > TimeSpan.Zero ? span : TimeSpan.Zero;

    private static TimeSpan Backoff(int asks)
    {
        var delay = FirstRetry * Math.Pow(2, Math.Min(asks - 1, 10));
        return delay < LastRetry ? delay : LastRetry;
    }
}
