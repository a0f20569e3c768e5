namespace TokenManager.Actors.Formation;

/// <summary>
/// Where nodes find each other, and the only judge of which cluster is the one. Invariant: each change is one conditional
/// statement; of two that would form a cluster, or put each other out, one takes effect and the other learns of it.
/// </summary>
internal sealed class ClusterRegistry(ClusterDatabase database)
{
    /// <summary>A node that gave no sign of life for as long as this is taken for dead.</summary>
    public static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan Forgotten = TimeSpan.FromDays(1);

    /// <summary>How things stand, as a node at this address sees them.</summary>
    public async Task<ClusterView> ReadAsync(string address, CancellationToken cancellationToken)
    {
        var rows = await database.QueryAsync(
            """
            select cluster.epoch, cluster.alive_until > clock_timestamp(),
                   node.address, node.alive_until > clock_timestamp(), node.joined
            from cluster left join cluster_nodes node on node.epoch = cluster.epoch and node.address <> $1
            """,
            row => (
                Epoch: row.GetInt64(0),
                IsAlive: row.GetBoolean(1),
                Other: row.IsDBNull(2) ? null : new RegisteredNode(row.GetString(2), row.GetBoolean(3), row.GetBoolean(4))),
            cancellationToken,
            address);
        return new ClusterView(rows[0].Epoch, rows[0].IsAlive, [.. rows.Select(row => row.Other).OfType<RegisteredNode>()]);
    }

    /// <summary>
    /// Takes the right to form a new cluster, if nobody took it since <paramref name="epoch"/> was read, and if the
    /// cluster of that epoch is dead, or never had a node but at this address.
    /// </summary>
    /// <returns>The new cluster's epoch; null if there is nothing to form.</returns>
    public Task<long?> TryFormAsync(string address, long uid, long epoch, CancellationToken cancellationToken) =>
        database.QueryRowAsync(
            """
            with formed as (
                update cluster set epoch = epoch + 1, alive_until = clock_timestamp() + $4
                where epoch = $3 and (
                    alive_until <= clock_timestamp()
                    or not exists (select from cluster_nodes node where node.epoch = $3 and node.address <> $1))
                returning epoch
            ), forgotten as (
                delete from cluster_nodes where alive_until < clock_timestamp() - $5 and address <> $1
            )
            insert into cluster_nodes (address, uid, epoch, joined, alive_until)
            select $1, $2, epoch, false, clock_timestamp() + $4 from formed
            on conflict (address) do update
            set uid = excluded.uid, epoch = excluded.epoch, joined = false, alive_until = excluded.alive_until
            returning epoch
            """,
            row => row.GetInt64(0),
            cancellationToken,
            address,
            uid,
            epoch,
            TimeToLive,
            Forgotten);

    /// <summary>Writes down that a node has joined the cluster of this epoch.</summary>
    /// <returns>False if there is a newer cluster: the node is out.</returns>
    public Task<bool> RegisterAsync(string address, long uid, long epoch, CancellationToken cancellationToken) =>
        database.ChangeAsync(
            """
            insert into cluster_nodes (address, uid, epoch, joined, alive_until)
            select $1, $2, epoch, true, clock_timestamp() + $4 from cluster where epoch = $3
            on conflict (address) do update
            set uid = excluded.uid, epoch = excluded.epoch, joined = true, alive_until = excluded.alive_until
            """,
            cancellationToken,
            address,
            uid,
            epoch,
            TimeToLive);

    /// <summary>Gives a sign of life, for the node and for its cluster.</summary>
    /// <returns>False if others took the node out, or formed a newer cluster: the node is out.</returns>
    public Task<bool> RenewAsync(string address, long uid, long epoch, CancellationToken cancellationToken) =>
        database.ChangeAsync(
            """
            with renewed as (
                update cluster_nodes set alive_until = clock_timestamp() + $4
                where address = $1 and uid = $2 and epoch = $3
                returning epoch
            )
            update cluster set alive_until = clock_timestamp() + $4 from renewed where cluster.epoch = renewed.epoch
            """,
            cancellationToken,
            address,
            uid,
            epoch,
            TimeToLive);

    /// <summary>Takes a node out that left or was downed; whoever runs at that address now stays.</summary>
    public Task RemoveAsync(string address, long uid, CancellationToken cancellationToken) =>
        database.ChangeAsync(
            "delete from cluster_nodes where address = $1 and uid = $2", cancellationToken, address, uid);
}
