using System.Diagnostics;
using TokenManager.Actors.Ledger;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Pool;

/// <summary>
/// Every decision of the pool. Deterministic: it reads no clock, makes no ids and does no I/O; <c>now</c> is a span on
/// any monotonic clock. It is the fast path and may be wrong: whatever a token or the ledger says replaces what it
/// believed. It hands each event first to the books and then to whoever waits for it.
/// </summary>
internal sealed class PoolDecider
{
    /// <summary>How long a caller waits here before it is told that there is no answer.</summary>
    public static readonly TimeSpan CallerPatience = TimeSpan.FromSeconds(3.75);

    // So that a mass of cold tokens does not start at once.
    private const int WakesPerTick = 500;

    private readonly PoolBooks _books = new();
    private readonly PoolOutbox _outbox;
    private readonly LedgerHealth _ledger;
    private readonly Releases _releases;
    private readonly Clears _clears;
    private readonly Activations _activations;
    private readonly Admission _admission;

    public PoolDecider(PoolSettings settings)
    {
        _outbox = new PoolOutbox(settings.MaxWaiting);
        _ledger = new LedgerHealth(_outbox);
        _releases = new Releases(_books, _outbox, _ledger);
        _clears = new Clears(_books, _outbox, _releases);
        _activations = new Activations(settings, _books, _outbox, _ledger, _releases, AdmitAgain);
        _admission = new Admission(settings, _books, _outbox, _ledger, _activations);
    }

    /// <summary>What is to be done now, in this order; empties itself.</summary>
    public PoolEffect[] TakeEffects() => _outbox.Take();

    /// <summary>Whether somebody still waits for an answer.</summary>
    public bool IsAwaited => _outbox.Waiting > 0;

    public PoolDigest Digest(long round) => new(round, _books.Digest());

    public PoolStatus StatusAt(TimeSpan now) => new(
        _books.Total, _books.Free, _books.Lent, _books.Reserved, _outbox.Waiting, _books.NextReleaseAfter(now))
    {
        InFlight = _activations.Count + _releases.Count,
    };

    public PoolBucket Bucket(int bucket) => new(bucket, _books.Bucket(bucket));

    // ---- what the ledger says of the whole pool

    /// <summary>Takes over what the ledger says; whatever is newer here stays.</summary>
    public void Load(PoolImage image, TimeSpan now)
    {
        _books.Load(image, now);

        // After an absence nobody is served or evicted for those who have given up meanwhile.
        _activations.Tick(now);
        _clears.Loaded(now);
        _activations.ServeWaiting(now);
    }

    /// <summary>Takes over what a sweep found.</summary>
    public void Sweep(SweepImage image, TimeSpan now)
    {
        if (!_books.Sweep(image, now))
            _outbox.Add(new PoolEffect.Reload());

        // Whatever its row says: nobody else may ever ask for a token that is free.
        foreach (var token in image.Unjournaled)
            _outbox.Tell(new TokenCommand.Wake(token));
    }

    // ---- requests

    /// <summary>A gateway asks for a token.</summary>
    public void Activate(PoolRequest.ActivateToken request, Caller caller, TimeSpan now) =>
        _admission.Admit(request, caller, now);

    /// <summary>A holder gives its token back.</summary>
    public void ReleaseToken(PoolRequest.ReleaseToken request, Caller caller, TimeSpan now) =>
        _releases.Request(request, caller, now);

    /// <summary>An operator ends everything.</summary>
    public void ClearTokens(Caller caller) => _clears.Request(caller);

    // ---- what tokens say

    /// <summary>A token answers, or reports by itself.</summary>
    public void TokenAnswered(TokenAnswer answer, TimeSpan now)
    {
        var slot = _books.Find(answer.TokenId);
        if (slot is null)
        {
            // Made by a pool on another node, or retired here: the ledger knows. What was asked of a token before it
            // retired still gets its answer.
            _outbox.Add(new PoolEffect.Reload());
            slot = _books.FindRetired(answer.TokenId);
            if (slot is null)
                return;
        }

        _books.Heard(slot);
        switch (answer)
        {
            case TokenAnswer.Activated(_, var row):
                LearnLent(slot, row, now);
                break;

            case TokenAnswer.Standing(_, var fence, null):
                _books.Learn(slot, fence, open: null, now);
                break;

            case TokenAnswer.Standing(_, _, { } row):
                LearnLent(slot, row, now);
                break;

            case TokenAnswer.TokenInUse(_, var usageId, var current) inUse:
                LearnLent(slot, current, now);
                // It answers from memory, and the ledger is known to be ahead of it: let it look.
                if (slot.Usage?.UsageId != current.Usage.UsageId)
                    _outbox.Tell(new TokenCommand.Wake(slot.TokenId));
                _activations.Settled(usageId, inUse.Ask, now);
                _activations.TokenInUse(slot, usageId, now);
                break;

            case TokenAnswer.UserHolds(_, var usageId, var other) userHolds:
                _books.Learn(other, now);
                _activations.Settled(usageId, userHolds.Ask, now);
                _activations.UserHolds(slot, usageId, isOverdue: other.Remaining <= TimeSpan.Zero, now);
                break;

            case TokenAnswer.UsageIdTaken(_, var usageId, var row):
                _books.Learn(row, now);
                _activations.UsageIdTaken(slot, usageId, row.Usage, now);
                break;

            case TokenAnswer.Failed(_, var usageId, var outcomeUnknown) failed:
                _ledger.Doubt();
                var isReleasing = _releases.Failed(
                    slot.TokenId, usageId, outcomeUnknown, _activations.WaitingForToken, now);
                // The failure may be the release's: then it says nothing of the activation of the same usage.
                _activations.Settled(usageId, failed.Ask, now);
                _activations.Failed(slot, usageId, outcomeUnknown || isReleasing, now);
                break;

            case TokenAnswer.Ended(_, var usage):
                _books.Learn(slot, usage.Fence, open: null, now);
                FinishRelease(slot, usage.UsageId, usage, now);
                break;

            case TokenAnswer.NotMine(_, var usageId):
                FinishRelease(slot, usageId, usage: null, now);
                break;

            default:
                throw new UnreachableException($"{answer}");
        }

        _activations.ServeWaiting(now);
    }

    // ---- what the ledger says of one question

    /// <summary>The ledger answered <see cref="PoolEffect.LookUpUsage"/>.</summary>
    /// <param name="usageId">The usage.</param>
    /// <param name="answered">False if the ledger could not be asked.</param>
    /// <param name="row">The row, or null.</param>
    /// <param name="askedAt">When it was asked.</param>
    /// <param name="now">Now.</param>
    public void UsageLookedUp(Guid usageId, bool answered, UsageRow? row, TimeSpan askedAt, TimeSpan now)
    {
        if (row is not null)
            _books.Learn(row, now);
        _activations.UsageLookedUp(usageId, answered, row?.Usage, askedAt, now);
        _admission.UsageLookedUp(usageId, answered, row, now);
    }

    /// <summary>The ledger answered <see cref="PoolEffect.CheckLedger"/>, or not: then it must be asked again soon.</summary>
    public void LedgerChecked(bool answers, TimeSpan now)
    {
        _ledger.Checked(answers);
        if (answers)
            _activations.LedgerAnswers(now);
        _admission.LedgerChecked(answers, now);
    }

    // ---- time

    /// <summary>Asks again, wakes what is overdue, and lets go of callers that have surely given up.</summary>
    public void Tick(TimeSpan now)
    {
        for (var i = 0; i < WakesPerTick && _books.NextToWake(now) is { } slot; i++)
            _outbox.Tell(new TokenCommand.Wake(slot.TokenId));

        _activations.Tick(now);
        _releases.Tick(_activations.WaitingForToken, now);
        _clears.Tick(now);
        _activations.ServeWaiting(now);
    }

    private void LearnLent(Slot slot, UsageRow row, TimeSpan now)
    {
        _books.Learn(slot, row.Usage.Fence, row, now);
        _activations.Granted(row.Usage, now);
    }

    private void FinishRelease(Slot slot, Guid usageId, Usage? usage, TimeSpan now)
    {
        if (_releases.Finish(slot.TokenId, usageId, usage) is { Clear: { } clear })
            _clears.ReleaseFinished(clear, usage, now);
    }

    private void AdmitAgain(PoolRequest.ActivateToken request, Caller caller, TimeSpan now) =>
        _admission.Admit(request, caller, now);
}
