using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Pool;

/// <summary>What is to be done, and how many callers wait: who is held is let go once, mostly with an answer.</summary>
internal sealed class PoolOutbox(int maxWaiting)
{
    private readonly List<PoolEffect> _effects = [];

    /// <summary>How many are held.</summary>
    public int Waiting { get; private set; }

    public bool IsFull => Waiting >= maxWaiting;

    /// <summary>What is to be done now, in this order; empties itself.</summary>
    public PoolEffect[] Take()
    {
        if (_effects.Count == 0)
            return [];

        var effects = _effects.ToArray();
        _effects.Clear();
        return effects;
    }

    public void Add(PoolEffect effect) => _effects.Add(effect);

    public void Tell(TokenCommand command) => Add(new PoolEffect.TellToken(command));

    public void Reply(Caller caller, PoolAnswer answer) => Add(new PoolEffect.Reply(caller.To, answer));

    public Caller Hold(Caller caller)
    {
        Waiting++;
        return caller;
    }

    /// <summary>It waits here no longer: what it asked for is looked at again.</summary>
    public void LetGo() => Waiting--;

    public void ReplyHeld(Caller caller, PoolAnswer answer)
    {
        LetGo();
        Reply(caller, answer);
    }

    /// <summary>Tells those that have surely given up that nobody knows, and forgets them.</summary>
    public void DropLate(List<Caller> callers, TimeSpan now)
    {
        var kept = 0;
        for (var i = 0; i < callers.Count; i++)
        {
            if (callers[i].GivesUpAt > now)
                callers[kept++] = callers[i];
            else
                ReplyHeld(callers[i], new PoolAnswer.Unavailable(OutcomeUnknown: true));
        }

        callers.RemoveRange(kept, callers.Count - kept);
    }
}
