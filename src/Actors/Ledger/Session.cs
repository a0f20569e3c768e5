using System.Data.Common;

namespace TokenManager.Actors.Ledger;

/// <summary>What a session is for.</summary>
internal enum Access
{
    /// <summary>Changes nothing, so its outcome is never unknown.</summary>
    Read,

    /// <summary>May change rows.</summary>
    Write,
}

/// <summary>A connection for the length of one piece of work.</summary>
internal sealed class Session(DbConnection connection, Func<ValueTask> release) : IAsyncDisposable
{
    internal DbConnection Connection => connection;

    public ValueTask DisposeAsync() => release();
}
