using System.Diagnostics;
using TokenManager.Actors.Ledger;

namespace TokenManager.Actors.Pool;

/// <summary>
/// What the pool believes of each token: who is free, lent, promised, and since when. It knows nothing of requests. It
/// always balances: free + lent + reserved is the pool.
/// </summary>
/// <remarks>Mutable, so that allocation is O(1) for any pool size; see docs/adr.</remarks>
internal sealed class PoolBooks
{
    // A token that is awake reports its own release; this much later it is woken.
    private static readonly TimeSpan WakeGrace = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan WakeAgain = TimeSpan.FromSeconds(1);

    private readonly Dictionary<Guid, Slot> _slots = [];
    private readonly Dictionary<Guid, Slot> _retired = [];
    private readonly List<Slot?> _byOrdinal = [];
    private readonly LinkedList<Slot> _free = [];
    private readonly LinkedList<Slot> _silent = [];
    private readonly SortedSet<Slot> _byStart = new(Slot.ByStart);
    private readonly SortedSet<Slot> _byWake = new(Slot.ByWake);
    private readonly Dictionary<Guid, Slot> _users = [];
    private readonly Dictionary<Guid, Slot> _usages = [];
    private readonly List<ulong> _digest = [];
    private int _size;

    public int Total => _slots.Count;

    public int Free => _free.Count + _silent.Count;

    public int Lent => _byStart.Count;

    public int Reserved { get; private set; }

    /// <summary>The token that is lent next: the first one that came back, unless it was asked and kept silent.</summary>
    public Slot? NextFree => (_free.First ?? _silent.First)?.Value;

    /// <summary>The free token that was heard of last; null if all free ones keep silent.</summary>
    public Slot? LastHeardFree => _free.Last?.Value;

    /// <summary>What is lent, the longest held first.</summary>
    public IEnumerable<Slot> LongestHeld => _byStart;

    public Slot? Find(Guid tokenId) => _slots.GetValueOrDefault(tokenId);

    /// <summary>What was asked of a token before it retired may not be answered yet.</summary>
    public Slot? FindRetired(Guid tokenId) => _retired.GetValueOrDefault(tokenId);

    public Slot? HeldBy(Guid userId) => _users.GetValueOrDefault(userId);

    public Slot? LentAs(Guid usageId) => _usages.GetValueOrDefault(usageId);

    /// <summary>How long until the next token is due; null if none is lent.</summary>
    public TimeSpan? NextReleaseAfter(TimeSpan now)
    {
        if (_byWake.Min is not { State: SlotState.Lent lent })
            return null;

        return lent.Deadline > now ? lent.Deadline - now : TimeSpan.Zero;
    }

    public IReadOnlyList<ulong> Digest() => [.. _digest];

    public IReadOnlyList<TokenView> Bucket(int bucket)
    {
        var tokens = new List<TokenView>(TokenDigest.BucketSize);
        var first = bucket * TokenDigest.BucketSize;
        for (var i = first; i >= 0 && i < Math.Min(first + TokenDigest.BucketSize, _byOrdinal.Count); i++)
        {
            if (_byOrdinal[i] is { } slot)
                tokens.Add(slot.View);
        }

        return tokens;
    }

    /// <summary>Takes over what the ledger says of the whole pool; whatever is newer here stays.</summary>
    public void Load(PoolImage image, TimeSpan now)
    {
        _size = Math.Max(_size, image.Size);
        foreach (var token in image.Tokens)
        {
            var slot = Find(token.TokenId) ?? Add(token.TokenId, token.Ordinal);

            // Nobody is known to be awake for it, so it is looked after to the moment.
            if (Learn(slot, token.Fence, token.Open, now) && slot.State is SlotState.Lent lent)
                WakeAt(slot, lent.Deadline);
        }

        Resize(image.Size);
    }

    /// <summary>Takes over what a sweep found.</summary>
    /// <returns>False if it speaks of tokens that are unknown here.</returns>
    public bool Sweep(SweepImage image, TimeSpan now)
    {
        var isKnown = image.Size <= _size;
        foreach (var row in image.Overdue)
        {
            if (Find(row.Usage.TokenId) is not { } slot)
            {
                isKnown = false;
                continue;
            }

            Learn(slot, row.Usage.Fence, row, now);
            if (slot.Usage?.UsageId == row.Usage.UsageId && slot.WakeAt > now + WakeAgain)
                WakeAt(slot, now);
        }

        if (isKnown && image.Size < _size)
            Resize(image.Size);
        return isKnown;
    }

    /// <summary>Believes a row of whatever token, if that is known here.</summary>
    public void Learn(UsageRow row, TimeSpan now)
    {
        if (Find(row.Usage.TokenId) is { } slot)
            Learn(slot, row.Usage.Fence, row.Usage.IsOpen ? row : null, now);
    }

    /// <summary>Believes what is newer than what is believed.</summary>
    /// <returns>False if it was not newer.</returns>
    public bool Learn(Slot slot, long fence, UsageRow? open, TimeSpan now)
    {
        if (slot.State is SlotState.Retired || TokenView.VersionOf(fence, open is not null) <= slot.Version)
            return false;

        RemoveFromDigest(slot);
        switch (slot.State)
        {
            case SlotState.Free:
                RemoveFromFree(slot);
                break;
            case SlotState.Lent(var usage, _):
                TakeBack(slot, usage);
                break;
            case SlotState.Reserved:
                Reserved--;
                break;
            default:
                throw new UnreachableException($"{slot.State}");
        }

        slot.Fence = fence;
        if (open is not null)
            Lend(slot, open, now);
        else if (slot.State is SlotState.Reserved)
            Reserved++;
        else
            AddToFree(slot);

        AddToDigest(slot);
        if (slot.State is SlotState.Free && slot.Ordinal >= _size)
            Retire(slot);
        return true;
    }

    /// <summary>Promises a free token to this usage.</summary>
    public void Reserve(Slot slot, Guid usageId)
    {
        RemoveFromFree(slot);
        slot.State = new SlotState.Reserved(usageId);
        Reserved++;
    }

    /// <summary>Takes a promise back, if it still stands.</summary>
    /// <param name="slot">The token.</param>
    /// <param name="usageId">To whom it was promised.</param>
    /// <param name="isSilent">True if it was asked and does not answer: until it does, all others are lent first.</param>
    public void Unreserve(Slot slot, Guid usageId, bool isSilent = false)
    {
        if (!IsPromised(slot, usageId))
            return;

        Reserved--;
        AddToFree(slot, isSilent);
        if (slot.Ordinal >= _size)
            Retire(slot);
    }

    /// <summary>Whether it is promised to this very usage.</summary>
    public static bool IsPromised(Slot slot, Guid usageId) =>
        slot.State is SlotState.Reserved(var promised) && promised == usageId;

    /// <summary>The token said something.</summary>
    public void Heard(Slot slot)
    {
        if (slot.FreeNode?.List != _silent)
            return;

        RemoveFromFree(slot);
        AddToFree(slot);
    }

    /// <summary>The next token to be woken by now, if any; it comes again after a while, unless it has reported.</summary>
    public Slot? NextToWake(TimeSpan now)
    {
        if (_byWake.Min is not { } slot || slot.WakeAt > now)
            return null;

        WakeAt(slot, now + WakeAgain);
        return slot;
    }

    public void WakeAt(Slot slot, TimeSpan at)
    {
        _byWake.Remove(slot);
        slot.WakeAt = at;
        _byWake.Add(slot);
    }

    private Slot Add(Guid tokenId, int ordinal)
    {
        if (!_retired.Remove(tokenId, out var slot))
            slot = new Slot(tokenId, ordinal);
        AddToFree(slot);
        _slots.Add(tokenId, slot);
        while (_byOrdinal.Count <= ordinal)
            _byOrdinal.Add(null);
        _byOrdinal[ordinal] = slot;
        while (_digest.Count <= TokenDigest.BucketOf(ordinal))
            _digest.Add(0);
        AddToDigest(slot);
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
        RemoveFromFree(slot);
        RemoveFromDigest(slot);
        _slots.Remove(slot.TokenId);
        _byOrdinal[slot.Ordinal] = null;
        slot.State = SlotState.Retired.Instance;
        _retired.Add(slot.TokenId, slot);
    }

    private void Lend(Slot slot, UsageRow row, TimeSpan now)
    {
        // The ledger lets a user hold one token only: of two that are believed, the older one is out of date.
        var usage = row.Usage;
        var other = HeldBy(usage.UserId);
        var isNewest = other is null || other.Usage!.StartedAt <= usage.StartedAt;
        if (isNewest && other is not null)
            WakeAt(other, now);

        slot.State = new SlotState.Lent(usage, now + row.Remaining);
        slot.WakeAt = isNewest ? now + row.Remaining + WakeGrace : now;
        _byStart.Add(slot);
        _byWake.Add(slot);
        _usages[usage.UsageId] = slot;
        if (isNewest)
            _users[usage.UserId] = slot;
    }

    private void TakeBack(Slot slot, Usage usage)
    {
        _byStart.Remove(slot);
        _byWake.Remove(slot);
        _usages.Remove(usage.UsageId);
        if (HeldBy(usage.UserId) == slot)
            _users.Remove(usage.UserId);
    }

    private void AddToFree(Slot slot, bool isSilent = false)
    {
        slot.State = SlotState.Free.Instance;
        slot.FreeNode = (isSilent ? _silent : _free).AddLast(slot);
    }

    private static void RemoveFromFree(Slot slot)
    {
        slot.FreeNode!.List!.Remove(slot.FreeNode);
        slot.FreeNode = null;
    }

    private void AddToDigest(Slot slot) =>
        _digest[TokenDigest.BucketOf(slot.Ordinal)] += TokenDigest.Mix(slot.Ordinal, slot.Version);

    private void RemoveFromDigest(Slot slot) =>
        _digest[TokenDigest.BucketOf(slot.Ordinal)] -= TokenDigest.Mix(slot.Ordinal, slot.Version);
}
