using System.Net.Sockets;
using Npgsql;

namespace TokenManager.Actors.Ledger;

/// <summary>Reads what PostgreSQL and its driver throw.</summary>
internal static class PostgresFailures
{
    internal static Failure Classify(Exception exception) => exception switch
    {
        PostgresException postgres => Classify(postgres.SqlState),
        NpgsqlException or TimeoutException or IOException or SocketException or OperationCanceledException
            => Failure.Unknown,
        _ => Failure.Defect,
    };

    private static Failure Classify(string sqlState) => sqlState switch
    {
        // The server ended the session. It may have done so between the commit and the answer.
        PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown or PostgresErrorCodes.IdleSessionTimeout
            => Failure.Unknown,
        PostgresErrorCodes.DeadlockDetected
            or PostgresErrorCodes.SerializationFailure
            or PostgresErrorCodes.LockNotAvailable
            or PostgresErrorCodes.QueryCanceled
            or PostgresErrorCodes.CannotConnectNow
            // A standby, or a primary that has just become one.
            or PostgresErrorCodes.ReadOnlySqlTransaction => Failure.NotExecuted,
        // Lost connections; too few resources; faults of the system below.
        ['0', '8', ..] => Failure.Unknown,
        ['5', '3', ..] or ['5', '8', ..] => Failure.NotExecuted,
        _ => Failure.Defect,
    };
}
