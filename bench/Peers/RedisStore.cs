using System.Globalization;
using StackExchange.Redis;

namespace TokenManager.Bench.Peers;

/// <summary>Redis: one script for an activation, which the server runs alone and writes to its log as one.</summary>
internal sealed class RedisStore(IDatabase redis) : IActivationStore
{
    private const string UserAlreadyActive = "user_already_active";
    private const string PoolExhausted = "no_tokens_available";

    // Usage, user, lease in microseconds. A usage is kept as its token and its user, in the order of their ends.
    private const string Activate =
        """
        if redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 or redis.call('HEXISTS', KEYS[3], ARGV[1]) == 1 then
            return 'user_already_active'
        end
        local token = redis.call('LPOP', KEYS[1])
        if not token then
            return 'no_tokens_available'
        end
        local time = redis.call('TIME')
        local started = time[1] * 1000000 + time[2]
        local expires = started + ARGV[3]
        local fence = redis.call('HINCRBY', KEYS[4], token, 1)
        redis.call('HSET', KEYS[2], ARGV[2], ARGV[1])
        redis.call('HSET', KEYS[3], ARGV[1], token .. ARGV[2])
        redis.call('ZADD', KEYS[5], string.format('%.0f', expires), ARGV[1])
        return { token, fence, string.format('%.0f', started), string.format('%.0f', expires) }
        """;

    private const string Clear =
        """
        for _, usage in ipairs(redis.call('ZRANGE', KEYS[5], 0, -1)) do
            local row = redis.call('HGET', KEYS[3], usage)
            redis.call('RPUSH', KEYS[1], string.sub(row, 1, 36))
            redis.call('HDEL', KEYS[2], string.sub(row, 37))
        end
        redis.call('DEL', KEYS[5])
        """;

    private static readonly RedisKey[] Keys = ["free", "users", "usages", "fences", "leases"];
    private static readonly RedisValue Lease = (long)SqlTables.Lease.TotalMicroseconds;

    /// <summary>Connects and makes the tokens.</summary>
    public static async Task<IActivationStore> OpenAsync(string connection, int tokens)
    {
        var redis = (await ConnectionMultiplexer.ConnectAsync(connection)).GetDatabase();
        await redis.ListRightPushAsync(
            Keys[0], [.. Enumerable.Range(0, tokens).Select(_ => (RedisValue)Driver.RandomId.Next().ToString())]);
        return new RedisStore(redis);
    }

    public async Task<PeerAnswer> ActivateAsync(Guid user, Guid usage, CancellationToken cancellationToken)
    {
        var result = await redis.ScriptEvaluateAsync(Activate, Keys, [usage.ToString(), user.ToString(), Lease]);
        if (result.Resp2Type is ResultType.Array)
        {
            var row = (RedisResult[])result!;
            return new PeerAnswer.Granted(Guid.Parse((string)row[0]!), (long)row[1], Time(row[2]), Time(row[3]));
        }

        return (string?)result switch
        {
            UserAlreadyActive => new PeerAnswer.UserAlreadyActive(),
            PoolExhausted => new PeerAnswer.PoolExhausted(),
            var answer => throw new InvalidOperationException($"The script answered {answer}."),
        };
    }

    public Task ClearAsync(CancellationToken cancellationToken) => redis.ScriptEvaluateAsync(Clear, Keys);

    private static DateTime Time(RedisResult microseconds) => DateTime.UnixEpoch.AddTicks(
        long.Parse((string)microseconds!, CultureInfo.InvariantCulture) * TimeSpan.TicksPerMicrosecond);
}
