using Akka.Persistence;
using Akka.Persistence.TestKit;
using Akka.TestKit.Xunit2;

namespace TokenManager.Actors.Tests.Model;

/// <summary>A test kit whose journal and snapshot store can be told to fail and to reject.</summary>
public abstract class FaultyPersistence(string config) : TestKit(config + Patience.Config + Plugins)
{
    private const string Plugins =
        """

        akka.persistence {
          journal.plugin = "akka.persistence.journal.test"
          journal.test.class = "Akka.Persistence.TestKit.TestJournal, Akka.Persistence.TestKit"
          snapshot-store.plugin = "akka.persistence.snapshot-store.test"
          snapshot-store.test.class = "Akka.Persistence.TestKit.TestSnapshotStore, Akka.Persistence.TestKit"
        }
        """;

    private ITestJournal Journal => TestJournal.FromRef(Persistence.Instance.Apply(Sys).JournalFor(null));

    private ITestSnapshotStore Snapshots => TestSnapshotStore.FromRef(Persistence.Instance.Apply(Sys).SnapshotStoreFor(null));

    /// <summary>Runs while the journal writes as told.</summary>
    protected async Task WithJournalWrite(Func<JournalWriteBehavior, Task> behave, Func<Task> run)
    {
        await behave(Journal.OnWrite);
        await run();
        await Journal.OnWrite.Pass();
    }

    /// <summary>Runs while the journal is read as told.</summary>
    protected async Task WithJournalRecovery(Func<JournalRecoveryBehavior, Task> behave, Func<Task> run)
    {
        await behave(Journal.OnRecovery);
        await run();
        await Journal.OnRecovery.Pass();
    }

    /// <summary>Runs while snapshots are saved as told.</summary>
    protected async Task WithSnapshotSave(Func<SnapshotStoreSaveBehavior, Task> behave, Func<Task> run)
    {
        await behave(Snapshots.OnSave);
        await run();
        await Snapshots.OnSave.Pass();
    }
}
