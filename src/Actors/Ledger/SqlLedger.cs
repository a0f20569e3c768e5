using System.Data.Common;
using System.Diagnostics;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Ledger;

/// <summary>
/// The ledger in SQL that both stores understand. Invariant: every write is one statement that decides for each row by
/// itself whether it takes effect, and whatever is classified afterwards is read by a statement that began later.
/// </summary>
internal abstract class SqlLedger : IOwnedLedger
{
    private const int MaxPoolSize = 1_000_000;
    private const int TokensPerStatement = 10_000;

    // Ends with what is left of the lease, by the clock of the statement that reads the row.
    private const string UsageColumns =
        "id, token_id, user_id, fence, started_at, expires_at, ended_at, end_reason, expires_at - clock_timestamp()";

    private const string QualifiedUsageColumns =
        "u.id, u.token_id, u.user_id, u.fence, u.started_at, u.expires_at, u.ended_at, u.end_reason, "
        + "u.expires_at - clock_timestamp()";

    // Its newest usage, open or not: what is open is always the newest, and this index finds it whatever the database believes
    // of how many are open.
    private const string NewestUsage =
        "left join token_usages u on u.token_id = t.id "
        + "and u.fence = (select max(m.fence) from token_usages m where m.token_id = t.id)";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    private readonly Batcher<OpenUsage, OpenResult> _opens;
    private readonly Batcher<CloseUsage, CloseResult> _closes;
    private readonly Batcher<TokenQuery, IReadOnlyList<UsageRow>> _tokenReads;
    private readonly Batcher<Guid, Found> _usageReads;
    private readonly Batcher<Guid, TokenImage> _tokenFinds;
    private readonly Lazy<Task> _end;

    private protected SqlLedger(int writers)
    {
        var writes = new BatcherSettings { Access = Access.Write, Writers = writers, Limit = Limit };
        var reads = new BatcherSettings { Access = Access.Read, Writers = writers, Limit = Limit };
        // Opens collide on users: two groups that want the same ones must want them in the same order.
        _opens = new(writes, Connect(Access.Write), OpenAsync, open => open.UserId, Classify);
        _closes = new(writes, Connect(Access.Write), CloseAsync, close => close.UsageId, Classify);
        _tokenReads = new(reads, Connect(Access.Read), ReadTokensAsync, query => query.TokenId, Classify);
        _usageReads = new(reads, Connect(Access.Read), FindUsagesAsync, id => id, Classify);
        _tokenFinds = new(reads, Connect(Access.Read), FindTokensAsync, id => id, Classify);
        _end = new(EndAsync);
    }

    public Task<OpenResult> OpenAsync(OpenUsage request) => _opens.AskAsync(request);

    public Task<CloseResult> CloseAsync(CloseUsage request) => _closes.AskAsync(request);

    public Task<IReadOnlyList<UsageRow>> ReadTokenAsync(Guid tokenId, long fromFence) =>
        _tokenReads.AskAsync(new TokenQuery(tokenId, fromFence));

    public async Task<UsageRow?> FindUsageAsync(Guid usageId) => (await _usageReads.AskAsync(usageId)).Row;

    public Task<TokenImage> FindTokenAsync(Guid tokenId) => _tokenFinds.AskAsync(tokenId);

    public Task DeclarePoolAsync(int size, string appVersion, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, MaxPoolSize);
        var versionKey = AppVersion.ToSortableKey(appVersion);
        return RunAsync(
            Access.Write,
            async (connection, limit) =>
            {
                await using var command = Command(
                    connection,
                    """
                    insert into pool (id, size, app_version, version_key) values (1, @size, @app_version, @version_key)
                    on conflict (id) do update
                    set size = excluded.size, app_version = excluded.app_version, version_key = excluded.version_key
                    where excluded.version_key >= pool.version_key
                    """,
                    ("size", size),
                    ("app_version", appVersion),
                    ("version_key", versionKey));
                await command.ExecuteNonQueryAsync(limit.Token);
                await MakeMissingTokensAsync(connection, await ReadSizeAsync(connection, limit.Token), limit);
                return true;
            },
            cancellationToken);
    }

    public Task<PoolImage> LoadPoolAsync(CancellationToken cancellationToken) => RunAsync(
        Access.Write,
        async (connection, limit) =>
        {
            while (true)
            {
                await MakeMissingTokensAsync(connection, await ReadSizeAsync(connection, limit.Token), limit);
                // Another node may have declared more tokens since, and not made them yet.
                var image = await ReadPoolAsync(connection, limit);
                if (image.Size > 0 && image.Tokens.Count(token => token.Ordinal < image.Size) == image.Size)
                    return image;
            }
        },
        cancellationToken);

    public Task<PoolImage> ReadPoolAsync(CancellationToken cancellationToken) =>
        RunAsync(Access.Read, ReadPoolAsync, cancellationToken);

    public Task<Guid?> FindLentTokenAsync(CancellationToken cancellationToken) => RunAsync(
        Access.Read,
        async (connection, limit) =>
        {
            await using var command = Command(connection, "select token_id from token_usages limit 1");
            await using var reader = await command.ExecuteReaderAsync(limit.Token);
            return await reader.ReadAsync(limit.Token) ? reader.GetGuid(0) : (Guid?)null;
        },
        cancellationToken);

    public Task<SweepImage> SweepAsync(int limit, int fromOrdinal, CancellationToken cancellationToken) => RunAsync(
        Access.Read,
        async (connection, timeLimit) =>
        {
            var (size, readAt) = await ReadDeclarationAsync(connection, timeLimit.Token);
            var overdue = await ReadOverdueAsync(connection, limit, timeLimit.Token);
            timeLimit.StartAgain();
            var next = fromOrdinal + TokensPerStatement;
            var isLast = next >= size;
            return new SweepImage(size, overdue)
            {
                ReadAt = readAt,
                Unjournaled = await ReadUnjournaledAsync(
                    connection, fromOrdinal, isLast ? int.MaxValue : next, limit, timeLimit.Token),
                NextOrdinal = isLast ? 0 : next,
            };
        },
        cancellationToken);

    public Task<HistoryResult> ReadHistoryAsync(
        Guid tokenId, long? beforeFence, int limit, CancellationToken cancellationToken) => RunAsync(
            Access.Read,
            (connection, timeLimit) => ReadHistoryAsync(connection, tokenId, beforeFence, limit, timeLimit.Token),
            cancellationToken);

    public Task<DateTimeOffset> PingAsync(CancellationToken cancellationToken) => RunAsync(
        Access.Read,
        async (connection, limit) =>
        {
            await using var command = Command(connection, $"select {StatementTime}");
            await using var reader = await command.ExecuteReaderAsync(limit.Token);
            await reader.ReadAsync(limit.Token);
            return ReadTime(reader, 0);
        },
        cancellationToken);

    public ValueTask DisposeAsync() => new(_end.Value);

    private async Task EndAsync()
    {
        await Task.WhenAll(
            _opens.DisposeAsync().AsTask(),
            _closes.DisposeAsync().AsTask(),
            _tokenReads.DisposeAsync().AsTask(),
            _usageReads.DisposeAsync().AsTask(),
            _tokenFinds.DisposeAsync().AsTask());
        await DisconnectAsync();
    }

    /// <summary>Opens a connection on which <c>clock_timestamp()</c> is the database's clock.</summary>
    private protected abstract Task<Session> ConnectAsync(Access access, CancellationToken cancellationToken);

    private protected abstract ValueTask DisconnectAsync();

    /// <summary>The database's time when a statement that reads began, as SQL: not after what it sees.</summary>
    private protected abstract string StatementTime { get; }

    private protected abstract Failure Classify(Exception exception);

    /// <summary>
    /// The source of the rows that a statement is given, named <c>r</c>. Depends on the names only, so that a group of
    /// any size is the same statement.
    /// </summary>
    private protected abstract string Rows(params ReadOnlySpan<string> columns);

    /// <summary>Gives a statement its rows; all columns have the same length.</summary>
    private protected abstract void AddRows(DbCommand command, params ReadOnlySpan<(string Name, Array Values)> columns);

    private protected abstract DbParameter Parameter(string name, object value);

    private protected abstract DateTimeOffset ReadTime(DbDataReader reader, int column);

    private protected abstract TimeSpan ReadSpan(DbDataReader reader, int column);

    private Func<CancellationToken, Task<Session>> Connect(Access access) =>
        cancellationToken => ConnectAsync(access, cancellationToken);

    private async Task<OpenResult?[]> OpenAsync(
        Session session, IReadOnlyList<OpenUsage> requests, CancellationToken cancellationToken)
    {
        // A row whose user or token was taken when the statement began is not even attempted: the insert would wait for
        // the close of that usage to commit, and would then start before that end.
        await using var insert = Command(
            session.Connection,
            $"""
            with clock as materialized (select clock_timestamp() as now)
            insert into token_usages (id, token_id, user_id, fence, started_at, expires_at)
            select r.usage_id, r.token_id, r.user_id, r.fence, clock.now, clock.now + r.lease
            from {Rows("usage_id", "token_id", "user_id", "fence", "lease", "not_after")} cross join clock
            where (select o.id from token_usages o where o.user_id = r.user_id and o.ended_at is null) is null
            and (select o.id from token_usages o where o.token_id = r.token_id and o.ended_at is null) is null
            and (r.not_after is null or clock_timestamp() <= r.not_after)
            on conflict do nothing
            returning {UsageColumns}
            """);
        AddRows(
            insert,
            ("usage_id", Values(requests, request => request.UsageId)),
            ("token_id", Values(requests, request => request.TokenId)),
            ("user_id", Values(requests, request => request.UserId)),
            ("fence", Values(requests, request => request.Fence)),
            ("lease", Values(requests, request => request.Lease)),
            ("not_after", Values(requests, request => request.NotAfter?.ToUniversalTime())));
        var opened = await ReadUsagesAsync(insert, cancellationToken);

        var results = new OpenResult?[requests.Count];
        var refused = new List<int>();
        for (var i = 0; i < requests.Count; i++)
        {
            if (opened.TryGetValue(requests[i].UsageId, out var row))
                results[i] = new OpenResult.Found(row);
            else
                refused.Add(i);
        }

        try
        {
            if (refused.Count > 0)
                await ReadRefusalsAsync(session, requests, refused, results, cancellationToken);
        }
        catch (Exception e) when (Classify(e) is not Failure.Defect)
        {
            // What was opened is opened. The others were not, and are sent again to learn why.
        }

        return results;
    }

    private async Task ReadRefusalsAsync(
        Session session,
        IReadOnlyList<OpenUsage> requests,
        List<int> refused,
        OpenResult?[] results,
        CancellationToken cancellationToken)
    {
        await using var select = Command(
            session.Connection,
            $"""
            with found as materialized (
                select r.n, coalesce(
                    (select o.id from token_usages o where o.id = r.usage_id),
                    (select o.id from token_usages o where o.user_id = r.user_id and o.ended_at is null),
                    (select o.id from token_usages o
                     where o.token_id = r.token_id
                     and o.fence = (select max(m.fence) from token_usages m where m.token_id = r.token_id)
                     and (o.fence >= r.fence or o.ended_at is null))) as id,
                    coalesce(clock_timestamp() > r.not_after, false) as is_too_late
                from {Rows("n", "usage_id", "token_id", "user_id", "fence", "not_after")})
            select {QualifiedUsageColumns}, found.n, found.is_too_late
            from found left join token_usages u on u.id = found.id
            """);
        AddRows(
            select,
            ("n", refused.ToArray()),
            ("usage_id", Values(refused, i => requests[i].UsageId)),
            ("token_id", Values(refused, i => requests[i].TokenId)),
            ("user_id", Values(refused, i => requests[i].UserId)),
            ("fence", Values(refused, i => requests[i].Fence)),
            ("not_after", Values(refused, i => requests[i].NotAfter?.ToUniversalTime())));
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var n = reader.GetInt32(9);
            if (await reader.IsDBNullAsync(0, cancellationToken))
            {
                // Otherwise what stood in the way is over: it is sent again.
                if (reader.GetBoolean(10))
                    results[n] = new OpenResult.TooLate();
                continue;
            }

            var row = ReadUsage(reader);
            results[n] = row.Usage switch
            {
                { UsageId: var id } when id == requests[n].UsageId => new OpenResult.Found(row) { WasThere = true },
                { IsOpen: true, UserId: var id } when id == requests[n].UserId => new OpenResult.UserHolds(row),
                _ => new OpenResult.TokenBehind(row),
            };
        }
    }

    private async Task<CloseResult?[]> CloseAsync(
        Session session, IReadOnlyList<CloseUsage> requests, CancellationToken cancellationToken)
    {
        await using var update = Command(
            session.Connection,
            $"""
            with clock as materialized (select clock_timestamp() as now)
            update token_usages
            set ended_at = case when clock.now > started_at then clock.now else started_at end, end_reason = r.reason
            from {Rows("usage_id", "reason", "believed")} cross join clock
            where id = r.usage_id and ended_at is null
            and (r.reason <> 'expired' or (expires_at = r.believed and expires_at <= clock.now))
            returning {UsageColumns}
            """);
        AddRows(
            update,
            ("usage_id", Values(requests, request => request.UsageId)),
            ("reason", Values(requests, request => ToText(request.Reason))),
            ("believed", Values(requests, request => request.ExpiresAt.ToUniversalTime())));
        var closed = await ReadUsagesAsync(update, cancellationToken);

        var rest = requests.Select(request => request.UsageId).Where(id => !closed.ContainsKey(id)).Distinct().ToList();
        Dictionary<Guid, UsageRow>? others = null;
        try
        {
            others = rest.Count > 0 ? await ReadUsagesAsync(session, rest, cancellationToken) : [];
        }
        catch (Exception e) when (Classify(e) is not Failure.Defect)
        {
            // What was closed is closed. The others were not, and are sent again to learn why.
        }

        return
        [
            .. requests.Select(request =>
                closed.TryGetValue(request.UsageId, out var row) ? new CloseResult.Closed(row.Usage)
                : others is null ? null
                : others.TryGetValue(request.UsageId, out row) ? Classify(request, row)
                : new CloseResult.NotFound()),
        ];
    }

    private static CloseResult? Classify(CloseUsage request, UsageRow row) => row switch
    {
        { Usage.IsOpen: false } => new CloseResult.Closed(row.Usage) { WasThere = true },
        _ when request.Reason == EndReason.Expired => new CloseResult.NotDue(row),
        // It was opened after the statement began.
        _ => null,
    };

    private async Task<IReadOnlyList<UsageRow>?[]> ReadTokensAsync(
        Session session, IReadOnlyList<TokenQuery> requests, CancellationToken cancellationToken)
    {
        await using var select = Command(
            session.Connection,
            $"""
            select {QualifiedUsageColumns}, r.n
            from {Rows("n", "token_id", "from_fence")}
            join token_usages u on u.token_id = r.token_id and u.fence >= r.from_fence
            order by r.n, u.fence
            """);
        AddRows(
            select,
            ("n", Enumerable.Range(0, requests.Count).ToArray()),
            ("token_id", Values(requests, request => request.TokenId)),
            ("from_fence", Values(requests, request => request.FromFence)));
        var results = requests.Select(_ => new List<UsageRow>()).ToArray();
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            results[reader.GetInt32(9)].Add(ReadUsage(reader));
        return results;
    }

    private async Task<Found?[]> FindUsagesAsync(
        Session session, IReadOnlyList<Guid> requests, CancellationToken cancellationToken)
    {
        var rows = await ReadUsagesAsync(session, [.. requests.Distinct()], cancellationToken);
        return [.. requests.Select(id => new Found(rows.GetValueOrDefault(id)))];
    }

    private async Task<TokenImage?[]> FindTokensAsync(
        Session session, IReadOnlyList<Guid> requests, CancellationToken cancellationToken)
    {
        await using var select = Command(
            session.Connection,
            $"""
            select {QualifiedUsageColumns}, t.id, t.ordinal, pool.size, {StatementTime}, r.n
            from {Rows("n", "token_id")} cross join pool
            left join tokens t on t.id = r.token_id
            {NewestUsage}
            where pool.id = 1
            """);
        AddRows(
            select,
            ("n", Enumerable.Range(0, requests.Count).ToArray()),
            ("token_id", Values(requests, id => id)));
        var results = new TokenImage?[requests.Count];
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var token = await reader.IsDBNullAsync(9, cancellationToken) ? null : await ReadTokenAsync(reader, cancellationToken);
            var isInPool = token is not null && (token.Ordinal < reader.GetInt32(11) || token.Open is not null);
            results[reader.GetInt32(13)] = new TokenImage(isInPool ? token : null, ReadTime(reader, 12));
        }

        return results;
    }

    private async Task<Dictionary<Guid, UsageRow>> ReadUsagesAsync(
        Session session, IReadOnlyList<Guid> usageIds, CancellationToken cancellationToken)
    {
        await using var select = Command(
            session.Connection,
            $"select {QualifiedUsageColumns} from {Rows("usage_id")} join token_usages u on u.id = r.usage_id");
        AddRows(select, ("usage_id", Values(usageIds, id => id)));
        return await ReadUsagesAsync(select, cancellationToken);
    }

    private async Task<Dictionary<Guid, UsageRow>> ReadUsagesAsync(
        DbCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new Dictionary<Guid, UsageRow>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var row = ReadUsage(reader);
            rows.Add(row.Usage.UsageId, row);
        }

        return rows;
    }

    private async Task<int> ReadSizeAsync(DbConnection connection, CancellationToken cancellationToken) =>
        (await ReadDeclarationAsync(connection, cancellationToken)).Size;

    private async Task<(int Size, DateTimeOffset ReadAt)> ReadDeclarationAsync(
        DbConnection connection, CancellationToken cancellationToken)
    {
        await using var command = Command(connection, $"select size, {StatementTime} from pool where id = 1");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? (reader.GetInt32(0), ReadTime(reader, 1))
            : throw new InvalidOperationException("The pool has not been declared.");
    }

    private async Task MakeMissingTokensAsync(DbConnection connection, int size, TimeLimit limit)
    {
        if (await CountTokensAsync(connection, 0, size, limit.Token) == size)
            return;

        for (var from = 0; from < size; from += TokensPerStatement)
        {
            limit.StartAgain();
            var count = Math.Min(TokensPerStatement, size - from);
            if (await CountTokensAsync(connection, from, from + count, limit.Token) == count)
                continue;

            await using var insert = Command(
                connection,
                $"""
                insert into tokens (id, ordinal, created_at)
                select r.id, r.ordinal, clock_timestamp() from {Rows("id", "ordinal")}
                where true
                on conflict (ordinal) do nothing
                """);
            AddRows(
                insert,
                ("id", Values(new object[count], _ => Ids.NewTokenId())),
                ("ordinal", Enumerable.Range(from, count).ToArray()));
            await insert.ExecuteNonQueryAsync(limit.Token);
        }
    }

    private async Task<long> CountTokensAsync(
        DbConnection connection, int from, int below, CancellationToken cancellationToken)
    {
        await using var command = Command(
            connection,
            "select count(*) from tokens where ordinal >= @from and ordinal < @below",
            ("from", from),
            ("below", below));
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task<List<UsageRow>> ReadOverdueAsync(
        DbConnection connection, int limit, CancellationToken cancellationToken)
    {
        // The clock stands in a query of its own: a volatile function in the condition would keep the index from
        // being searched by it.
        await using var command = Command(
            connection,
            $"""
            select {UsageColumns} from token_usages
            where ended_at is null and expires_at <= (select clock_timestamp())
            order by expires_at limit @limit
            """,
            ("limit", limit));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var overdue = new List<UsageRow>();
        while (await reader.ReadAsync(cancellationToken))
            overdue.Add(ReadUsage(reader));
        return overdue;
    }

    private async Task<List<Guid>> ReadUnjournaledAsync(
        DbConnection connection, int from, int to, int limit, CancellationToken cancellationToken)
    {
        // A usage is two events, one when it begins and one when it ends, and fences count 1, 2, 3, …: so the newest one
        // says how many there must be.
        await using var command = Command(
            connection,
            $"""
            select t.id from tokens t
            where t.ordinal >= @from_ordinal and t.ordinal < @to_ordinal
            and coalesce(
                (select max(j.sequence_number) from journal j
                where j.persistence_id = '{TokenActor.PersistenceIdPrefix}' || t.id), 0)
            < coalesce(
                (select 2 * u.fence - case when u.ended_at is null then 1 else 0 end from token_usages u
                where u.token_id = t.id order by u.fence desc limit 1), 0)
            order by t.ordinal limit @limit
            """,
            ("from_ordinal", from),
            ("to_ordinal", to),
            ("limit", limit));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var tokens = new List<Guid>();
        while (await reader.ReadAsync(cancellationToken))
            tokens.Add(reader.GetGuid(0));
        return tokens;
    }

    private async Task<PoolImage> ReadPoolAsync(DbConnection connection, TimeLimit limit)
    {
        limit.StartAgain();
        // The comparison is always true, and says which index has the open rows.
        await using var command = Command(
            connection,
            $"""
            select {QualifiedUsageColumns}, t.id, t.ordinal, pool.size, {StatementTime}
            from pool join tokens t on t.ordinal < pool.size
            {NewestUsage}
            where pool.id = 1
            union all
            select {QualifiedUsageColumns}, t.id, t.ordinal, pool.size, {StatementTime}
            from token_usages u join tokens t on t.id = u.token_id cross join pool
            where u.ended_at is null and u.expires_at > u.started_at and t.ordinal >= pool.size and pool.id = 1
            """);
        await using var reader = await command.ExecuteReaderAsync(limit.Token);
        var tokens = new List<PoolToken>();
        var size = 0;
        var readAt = default(DateTimeOffset);
        while (await reader.ReadAsync(limit.Token))
        {
            tokens.Add(await ReadTokenAsync(reader, limit.Token));
            if (tokens.Count % TokensPerStatement == 0)
                limit.StartAgain();
            if (tokens.Count > 1)
                continue;
            size = reader.GetInt32(11);
            readAt = ReadTime(reader, 12);
        }

        // Here and not in the query, which thereby sends its first row at once, however large the pool is.
        tokens.Sort((left, right) => left.Ordinal.CompareTo(right.Ordinal));
        return new PoolImage(size, tokens) { ReadAt = readAt };
    }

    private async Task<HistoryResult> ReadHistoryAsync(
        DbConnection connection, Guid tokenId, long? beforeFence, int limit, CancellationToken cancellationToken)
    {
        // Fences count 1, 2, 3, …, so the newest one is the number of usages.
        await using var count = Command(
            connection,
            """
            select coalesce((select max(u.fence) from token_usages u where u.token_id = t.id), 0)
            from tokens t where t.id = @token_id
            """,
            ("token_id", tokenId));
        if (await count.ExecuteScalarAsync(cancellationToken) is not long total)
            return new HistoryResult.TokenNotFound();

        await using var select = Command(
            connection,
            $"""
            select {UsageColumns} from token_usages
            where token_id = @token_id and fence < @before_fence
            order by fence desc limit @limit
            """,
            ("token_id", tokenId),
            ("before_fence", beforeFence ?? long.MaxValue),
            ("limit", limit + 1));
        await using var reader = await select.ExecuteReaderAsync(cancellationToken);
        var usages = new List<Usage>();
        while (usages.Count < limit && await reader.ReadAsync(cancellationToken))
            usages.Add(ReadUsage(reader).Usage);
        var more = usages.Count == limit && await reader.ReadAsync(cancellationToken);
        return new HistoryResult.Page(tokenId, usages, total, more ? usages[^1].Fence : null);
    }

    // For what is not grouped. All of it may be repeated.
    private async Task<T> RunAsync<T>(
        Access access,
        Func<DbConnection, TimeLimit, Task<T>> work,
        CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var limit = new TimeLimit(cancellationToken);
        var outcomeUnknown = false;
        for (var tries = 0; ; tries++)
        {
            var connected = false;
            var started = TimeProvider.System.GetTimestamp();
            try
            {
                // The driver may block its thread, or ignore the limit: neither shall reach the caller.
                return await Task.Run(
                        async () =>
                        {
                            await using var session = await ConnectAsync(access, limit.Token);
                            connected = true;
                            return await work(session.Connection, limit);
                        },
                        limit.Token)
                    .WaitAsync(limit.GiveUp);
            }
            catch (Exception e)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var failure = connected ? Classify(e) : Failure.NotExecuted;
                if (failure == Failure.Defect)
                    throw;
                outcomeUnknown |= failure == Failure.Unknown && access == Access.Write;
                // What failed at once may have met a dead connection; what failed late met a dead server.
                if (!connected
                    || limit.GiveUp.IsCancellationRequested
                    || TimeProvider.System.GetElapsedTime(started) > Limit / 2)
                    throw new LedgerUnavailableException(outcomeUnknown, e);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(Math.Min(20 * tries, 250)), CancellationToken.None);
        }
    }

    private DbCommand Command(
        DbConnection connection, string text, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = text;
        foreach (var (name, value) in parameters)
            command.Parameters.Add(Parameter(name, value));
        return command;
    }

    private static T[] Values<TRow, T>(IReadOnlyList<TRow> rows, Func<TRow, T> value)
    {
        var values = new T[rows.Count];
        for (var i = 0; i < values.Length; i++)
            values[i] = value(rows[i]);
        return values;
    }

    private UsageRow ReadUsage(DbDataReader reader) => new(
        new Usage(
            reader.GetGuid(0),
            reader.GetGuid(1),
            reader.GetGuid(2),
            reader.GetInt64(3),
            ReadTime(reader, 4),
            ReadTime(reader, 5),
            reader.IsDBNull(6)
                ? null
                : new UsageEnd(ReadTime(reader, 6), ToReason(reader.GetString(7)))),
        ReadSpan(reader, 8));

    private async Task<PoolToken> ReadTokenAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        var newest = await reader.IsDBNullAsync(0, cancellationToken) ? null : ReadUsage(reader);
        return new PoolToken(
            reader.GetGuid(9),
            reader.GetInt32(10),
            newest?.Usage.Fence ?? 0,
            newest is { Usage.IsOpen: true } ? newest : null);
    }

    private static string ToText(EndReason reason) => reason switch
    {
        EndReason.Expired => "expired",
        EndReason.Cleared => "cleared",
        EndReason.Released => "released",
        EndReason.Evicted => "evicted",
        _ => throw new UnreachableException(),
    };

    private static EndReason ToReason(string text) => text switch
    {
        "expired" => EndReason.Expired,
        "cleared" => EndReason.Cleared,
        "released" => EndReason.Released,
        "evicted" => EndReason.Evicted,
        _ => throw new UnreachableException(),
    };

    /// <summary>
    /// How long a call may go without getting any further. Work that grows with the pool may take longer in all, but not
    /// longer between two steps.
    /// </summary>
    private sealed class TimeLimit : IDisposable
    {
        // The driver sends its request for cancellation from within the callback, and that can take it seconds. So it
        // has a source of its own, which only a timer cancels.
        private readonly CancellationTokenSource _driver = new();
        private readonly CancellationTokenSource _caller;
        private readonly CancellationTokenRegistration _registration;

        internal TimeLimit(CancellationToken caller)
        {
            _caller = CancellationTokenSource.CreateLinkedTokenSource(caller);
            Token = _driver.Token;
            GiveUp = _caller.Token;
            StartAgain();
            _registration = caller.Register(() => _driver.CancelAfter(TimeSpan.Zero));
        }

        /// <summary>For the driver.</summary>
        internal CancellationToken Token { get; }

        /// <summary>For whoever waits for the driver.</summary>
        internal CancellationToken GiveUp { get; }

        internal void StartAgain()
        {
            _driver.CancelAfter(Limit);
            _caller.CancelAfter(Limit);
        }

        public void Dispose()
        {
            _registration.Dispose();
            _driver.Dispose();
            _caller.Dispose();
        }
    }

    private sealed record TokenQuery(Guid TokenId, long FromFence);

    private sealed record Found(UsageRow? Row);
}
