namespace TokenManager.Actors.Tests.Failpoints;

/// <summary>The boundaries between two steps of a token, each after the step that it names became durable.</summary>
public enum Boundary
{
    RowOpened,
    ActivationJournaled,
    ActivationAnswered,
    RowClosed,
    ReleaseJournaled,
}

/// <summary>What happens at the boundary.</summary>
public enum Fate
{
    /// <summary>Nothing comes back any more, and the whole system ends.</summary>
    SystemEnds,

    /// <summary>The step reports a failure although it took effect; the actor has to find out by itself.</summary>
    StepReportsFailure,
}

/// <summary>Strikes once, at one boundary.</summary>
internal sealed class Failpoint(Boundary step, Fate fate)
{
    private readonly TaskCompletionSource _struck = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _armed = 1;

    /// <summary>Completes when the boundary was reached.</summary>
    public Task Struck => _struck.Task;

    /// <summary>Call after a step took effect and before anybody hears of it.</summary>
    public async Task PassAsync(Boundary reached, Func<Exception> failure)
    {
        if (reached != step || Interlocked.Exchange(ref _armed, 0) == 0) return;

        _struck.SetResult();
        if (fate is Fate.StepReportsFailure) throw failure();
        await new TaskCompletionSource().Task;
    }
}
