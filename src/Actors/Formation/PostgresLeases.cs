namespace TokenManager.Actors.Formation;

/// <summary>
/// Named leases in PostgreSQL: one owner each, for a time that runs by the database's clock. One that would last for much
/// longer than it was taken for has run out too: the clock was set back since.
/// </summary>
internal sealed class PostgresLeases(ClusterDatabase database)
{
    /// <summary>Takes a lease that is free, has run out, or was this owner's before.</summary>
    /// <returns>The fence of this possession, higher than that of any before; null if somebody else holds the lease.</returns>
    public Task<long?> TryAcquireAsync(string name, string owner, TimeSpan timeToLive, CancellationToken cancellationToken) =>
        database.QueryRowAsync(
            """
            insert into coordination_leases (name, owner, fence, held_until) values ($1, $2, 1, clock_timestamp() + $3)
            on conflict (name) do update
            set owner = excluded.owner, fence = coordination_leases.fence + 1, held_until = excluded.held_until
            where coordination_leases.owner = excluded.owner
                or coordination_leases.held_until not between clock_timestamp() and clock_timestamp() + 2 * $3
            returning fence
            """,
            row => row.GetInt64(0),
            cancellationToken,
            name,
            owner,
            timeToLive);

    /// <summary>Holds on to a lease.</summary>
    /// <returns>False if it has run out or is somebody else's by now.</returns>
    public Task<bool> RenewAsync(string name, long fence, TimeSpan timeToLive, CancellationToken cancellationToken) =>
        database.ChangeAsync(
            """
            update coordination_leases set held_until = clock_timestamp() + $3
            where name = $1 and fence = $2 and held_until between clock_timestamp() and clock_timestamp() + 2 * $3
            """,
            cancellationToken,
            name,
            fence,
            timeToLive);

    /// <summary>Gives a lease back; one that is somebody else's by now stays theirs.</summary>
    public Task ReleaseAsync(string name, long fence, CancellationToken cancellationToken) => database.ChangeAsync(
        "update coordination_leases set held_until = clock_timestamp() where name = $1 and fence = $2",
        cancellationToken,
        name,
        fence);
}
