namespace TokenManager.Actors.Formation;

/// <summary>
/// Where nodes find each other, and the only judge of which cluster is the one. Invariant: each change is one conditional
/// statement; of two that would form a cluster, or put each other out, one takes effect and the other learns of it. A
/// sign of life that is good for much longer than any can be is none: the database's clock was set back since.
/// </summary>
internal sealed class ClusterRegistry(ClusterDatabase database)
{
    /// <summary>A node that gave no sign of life for as long as this is taken for dead.</summary>
    public static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(4);

    private static readonly TimeSpan Forgotten = TimeSpan.FromDays(1);

    /// <summary>How things stand, as a node at this address sees them.</summary>
    public async Task<RegisteredCluster> ReadAsync(string address, CancellationToken cancellationToken)
    {
        var rows = await database.QueryAsync(
            """
            select cluster.epoch, cluster.alive_until between clock_timestamp() and clock_timestamp() + 2 * $2,
                   node.address, node.alive_until between clock_timestamp() and clock_timestamp() + 2 * $2, node.joined
            from cluster left join cluster_nodes node on node.epoch = cluster.epoch and node.address <> $1
            """,
            row => (
                Epoch: row.GetInt64(0),
                IsAlive: row.GetBoolean(1),
                Other: row.IsDBNull(2) ? null : new RegisteredNode(row.GetString(2), row.GetBoolean(3), row.GetBoolean(4))),
            cancellationToken,
            address,
            TimeToLive);
        return new RegisteredCluster(rows[0].Epoch, rows[0].IsAlive, [.. rows.Select(row => row.Other).OfType<RegisteredNode>()]);
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
                    alive_until not between clock_timestamp() and clock_timestamp() + 2 * $4
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

    /// <summary>Writes down that a node asks to be let in. Once only: whoever ran at its address before is out.</summary>
    public Task AnnounceAsync(string address, long uid, CancellationToken cancellationToken) =>
        database.ChangeAsync(
            """
            insert into cluster_nodes (address, uid, epoch, joined, alive_until)
            select $1, $2, epoch, false, clock_timestamp() + $3 from cluster
            on conflict (address) do update
            set uid = excluded.uid, epoch = excluded.epoch, joined = false, alive_until = excluded.alive_until
            """,
            cancellationToken,
            address,
            uid,
            TimeToLive);

    /// <summary>
    /// The sign of life of a node that has announced itself and is not in yet, which follows the present cluster. It
    /// does not keep the cluster alive.
    /// </summary>
    /// <param name="address">The node's address.</param>
    /// <param name="uid">The id of its actor system.</param>
    /// <param name="members">Ids of those whom the node is in a cluster with.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>
    /// The present cluster's epoch, and whether some member of it is among <paramref name="members"/>; null if others took
    /// the node out.
    /// </returns>
    public Task<(long Epoch, bool IsVouchedFor)?> FollowAsync(
        string address, long uid, long[] members, CancellationToken cancellationToken) =>
        database.QueryRowAsync(
            """
            update cluster_nodes self set epoch = cluster.epoch, joined = false, alive_until = clock_timestamp() + $4
            from cluster where self.address = $1 and self.uid = $2
            returning self.epoch, exists (
                select from cluster_nodes member
                where member.epoch = cluster.epoch and member.joined and member.uid = any($3) and member.address <> $1)
            """,
            row => (row.GetInt64(0), row.GetBoolean(1)),
            cancellationToken,
            address,
            uid,
            members,
            TimeToLive);

    /// <summary>Writes down that the node that formed the cluster of this epoch, or one that follows it, is in.</summary>
    /// <returns>False if there is a newer cluster, or if others took the node out.</returns>
    public Task<bool> ConfirmAsync(string address, long uid, long epoch, CancellationToken cancellationToken) =>
        database.ChangeAsync(
            """
            with confirmed as (
                update cluster_nodes set joined = true, alive_until = clock_timestamp() + $4
                where address = $1 and uid = $2 and epoch = $3
                returning epoch
            )
            update cluster set alive_until = clock_timestamp() + $4 from confirmed where cluster.epoch = confirmed.epoch
            """,
            cancellationToken,
            address,
            uid,
            epoch,
            TimeToLive);

    /// <summary>Gives a sign of life, for the node and for its cluster.</summary>
    /// <returns>
    /// Other nodes of the cluster that have given none for as long as a sign of life is good; null if others took the node
    /// out, or formed a newer cluster: the node is out.
    /// </returns>
    public async Task<IReadOnlyList<SilentNode>?> RenewAsync(
        string address, long uid, long epoch, CancellationToken cancellationToken)
    {
        var rows = await database.QueryAsync(
            """
            with renewed as (
                update cluster_nodes set joined = true, alive_until = clock_timestamp() + $4
                where address = $1 and uid = $2 and epoch = $3
                returning epoch
            ), present as (
                update cluster set alive_until = clock_timestamp() + $4 from renewed where cluster.epoch = renewed.epoch
                returning cluster.epoch
            )
            select node.address, node.uid
            from present left join cluster_nodes node on node.epoch = present.epoch and node.address <> $1
                and node.alive_until not between clock_timestamp() and clock_timestamp() + 2 * $4
            """,
            row => row.IsDBNull(0) ? null : new SilentNode(row.GetString(0), row.GetInt64(1)),
            cancellationToken,
            address,
            uid,
            epoch,
            TimeToLive);
        return rows.Count == 0 ? null : [.. rows.OfType<SilentNode>()];
    }

    /// <summary>Takes a node out that left or was downed; whoever runs at that address now stays.</summary>
    public Task RemoveAsync(string address, long uid, CancellationToken cancellationToken) =>
        database.ChangeAsync(
            "delete from cluster_nodes where address = $1 and uid = $2", cancellationToken, address, uid);
}
