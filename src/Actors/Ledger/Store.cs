namespace TokenManager.Actors.Ledger;

/// <summary>Where journal, snapshots and ledger live: one database for all three.</summary>
public abstract record Store
{
    private Store() { }

    /// <summary>A PostgreSQL database, for any number of nodes.</summary>
    public sealed record Postgres(string ConnectionString) : Store;

    /// <summary>A SQLite file, for exactly one node. Its folder is made if missing.</summary>
    public sealed record Sqlite(string Path) : Store;
}
