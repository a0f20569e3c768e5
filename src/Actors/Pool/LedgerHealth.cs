namespace TokenManager.Actors.Pool;

/// <summary>Whether the ledger is believed to answer.</summary>
internal sealed class LedgerHealth(PoolOutbox outbox)
{
    /// <summary>A failure was seen, and the ledger has not answered since.</summary>
    public bool IsInDoubt { get; private set; }

    /// <summary>It was asked, and did not answer.</summary>
    public bool IsAway { get; private set; }

    public void Doubt()
    {
        if (IsInDoubt)
            return;

        IsInDoubt = true;
        outbox.Add(new PoolEffect.CheckLedger());
    }

    public void Checked(bool answers) => IsInDoubt = IsAway = !answers;
}
