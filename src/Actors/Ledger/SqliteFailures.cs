using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace TokenManager.Actors.Ledger;

/// <summary>Reads what SQLite and its driver throw.</summary>
internal static class SqliteFailures
{
    internal static Failure Classify(Exception exception) => exception switch
    {
        SqliteException sqlite => sqlite.SqliteErrorCode switch
        {
            raw.SQLITE_BUSY or raw.SQLITE_LOCKED or raw.SQLITE_FULL or raw.SQLITE_INTERRUPT or raw.SQLITE_CANTOPEN
                or raw.SQLITE_READONLY => Failure.NotExecuted,
            raw.SQLITE_IOERR => Failure.Unknown,
            _ => Failure.Defect,
        },
        OperationCanceledException or IOException => Failure.Unknown,
        _ => Failure.Defect,
    };
}
