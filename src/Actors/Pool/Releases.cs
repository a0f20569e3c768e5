using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Pool;

/// <summary>
/// Releases whose outcome is not known yet, whoever wants them: holders, evictions, clears. There is one for each usage,
/// asked of its token again until the token says how the usage ended.
/// </summary>
internal sealed class Releases(PoolBooks books, PoolOutbox outbox, LedgerHealth ledger)
{
    private readonly Dictionary<(Guid TokenId, Guid UsageId), Release> _releases = [];

    /// <summary>How many evictions are under way.</summary>
    public int Evicting { get; private set; }

    public int Count => _releases.Count;

    public bool IsUnderWay(Guid tokenId, Guid usageId) => _releases.ContainsKey((tokenId, usageId));

    /// <summary>A holder gives its token back.</summary>
    public void Request(PoolRequest.ReleaseToken request, Caller caller, TimeSpan now)
    {
        if (books.Find(request.TokenId) is null)
        {
            outbox.Reply(caller, new PoolAnswer.TokenNotFound());
            return;
        }

        var holder = books.LentAs(request.UsageId);
        if (holder is not null && holder.TokenId != request.TokenId)
        {
            outbox.Reply(caller, new PoolAnswer.UsageMismatch());
            return;
        }

        // Of a usage that is not known here nothing is lost by asking later, and an outage must not pile them up.
        if (outbox.IsFull || (ledger.IsAway && holder is null))
        {
            outbox.Reply(caller, new PoolAnswer.Unavailable(OutcomeUnknown: false));
            return;
        }

        var release = Start(request.TokenId, request.UsageId, EndReason.Released, now);
        release.Callers.Add(outbox.Hold(caller));
    }

    /// <summary>Starts it, unless it is under way already for whatever reason.</summary>
    public Release Start(Guid tokenId, Guid usageId, EndReason reason, TimeSpan now)
    {
        if (_releases.TryGetValue((tokenId, usageId), out var release))
            return release;

        release = new Release(tokenId, usageId, reason);
        _releases.Add((tokenId, usageId), release);
        if (reason is EndReason.Evicted)
            Evicting++;
        Ask(release, now);
        return release;
    }

    /// <summary>The token could not do it.</summary>
    /// <returns>False if nothing of the kind is under way.</returns>
    public bool Failed(Guid tokenId, Guid usageId, bool outcomeUnknown, int waitingForToken, TimeSpan now)
    {
        if (!_releases.TryGetValue((tokenId, usageId), out var release))
            return false;

        release.OutcomeUnknown |= outcomeUnknown;
        release.NextAsk = now + Retry.AfterFailure(release.Asks);

        if (!release.OutcomeUnknown && IsPointless(release, waitingForToken))
            Finish(tokenId, usageId, usage: null);
        return true;
    }

    /// <summary>The token says how the usage ended, or that it was never its own.</summary>
    /// <returns>What was under way, if anything.</returns>
    public Release? Finish(Guid tokenId, Guid usageId, Usage? usage)
    {
        if (!_releases.Remove((tokenId, usageId), out var release))
            return null;

        if (release.Reason is EndReason.Evicted)
            Evicting--;

        foreach (var caller in release.Callers)
            outbox.ReplyHeld(caller, usage is null ? new PoolAnswer.UsageMismatch() : new PoolAnswer.Ended(usage));
        return release;
    }

    /// <summary>Asks again, and lets go of callers that have surely given up.</summary>
    public void Tick(int waitingForToken, TimeSpan now)
    {
        // What was removed still costs its place when the rest is walked.
        if (_releases.Count == 0)
            return;

        // Some are removed meanwhile, which the dictionary allows; none is added.
        foreach (var release in _releases.Values)
        {
            outbox.DropLate(release.Callers, now);
            if (IsForgotten(release))
            {
                Finish(release.TokenId, release.UsageId, usage: null);
            }
            else if (release.NextAsk <= now && IsPointless(release, waitingForToken))
            {
                // It may have been carried out all the same: the token says how it stands.
                Finish(release.TokenId, release.UsageId, usage: null);
                outbox.Tell(new TokenCommand.Wake(release.TokenId));
            }
            else if (release.NextAsk <= now)
            {
                Ask(release, now);
            }
        }
    }

    /// <summary>Nobody is evicted later for the sake of those who have given up by now.</summary>
    private bool IsPointless(Release release, int waitingForToken) =>
        release is { Reason: EndReason.Evicted, Callers.Count: 0, Clear: null } && Evicting > waitingForToken;

    /// <summary>Nobody waits for it, and it names no usage that is known to run.</summary>
    private bool IsForgotten(Release release) =>
        release is { Reason: EndReason.Released, Callers.Count: 0, Clear: null } && books.LentAs(release.UsageId) is null;

    private void Ask(Release release, TimeSpan now)
    {
        release.Asks++;
        release.NextAsk = now + Retry.WithoutAnswer(release.Asks);
        outbox.Tell(new TokenCommand.Release(release.TokenId, release.UsageId, release.Reason));
    }
}
