using System.Collections.Immutable;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Persistence;
using Akka.Persistence.Sql.Journal;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Failpoints;

/// <summary>The real journal, whose answers may be lost after its transactions were committed.</summary>
internal sealed class FailingJournal(Config config) : SqlWriteJournal(config)
{
    private readonly Failpoint? _failpoint = Context.System.Settings.Setup.Get<FailpointSetup>() is { HasValue: true } setup
        ? setup.Value.Failpoint
        : null;

    protected override async Task<IImmutableList<Exception>> WriteMessagesAsync(
        IEnumerable<AtomicWrite> messages, CancellationToken cancellationToken)
    {
        var writes = messages.ToList();
        var result = await base.WriteMessagesAsync(writes, cancellationToken);
        if (_failpoint is null) return result;

        foreach (var @event in writes.SelectMany(write => (IImmutableList<IPersistentRepresentation>)write.Payload))
        {
            await _failpoint.PassAsync(
                @event.Payload is TokenEvent.TokenActivated ? Boundary.ActivationJournaled : Boundary.ReleaseJournaled,
                () => new TimeoutException("The answer was lost."));
        }

        return result;
    }
}

/// <summary>Gives the journal its failpoint.</summary>
internal sealed class FailpointSetup(Failpoint failpoint) : Setup
{
    public Failpoint Failpoint => failpoint;
}
