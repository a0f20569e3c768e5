using System.Diagnostics;

namespace TokenManager.Actors.Ledger;

/// <summary>A ledger together with its connections, which end with it.</summary>
public interface IOwnedLedger : ILedger, IAsyncDisposable;

/// <summary>Makes ledgers.</summary>
public static class Ledgers
{
    /// <summary>
    /// A ledger on this store. Connects to nothing yet; <see cref="LedgerMigrations"/> must have made the tables before
    /// it is used.
    /// </summary>
    /// <param name="store">Where the tables are.</param>
    /// <param name="timeProvider">
    /// The clock of a SQLite store, which has none of its own. A PostgreSQL server has one, and only that one counts.
    /// </param>
    public static IOwnedLedger Create(Store store, TimeProvider timeProvider) => store switch
    {
        Store.Postgres(var connectionString) => new PostgresLedger(connectionString),
        Store.Sqlite(var path) => new SqliteLedger(path, timeProvider),
        _ => throw new UnreachableException(),
    };
}
