using TokenManager.Actors.Ledger;
using TokenManager.Actors.Pool;
using TokenManager.Actors.Tests.Model;
using TokenManager.Actors.Tokens;

namespace TokenManager.Actors.Tests.Pool;

/// <summary>A pool's decisions, the time, and shorthand for what happens to it and what it does.</summary>
public abstract class PoolFixture
{
    private protected static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private protected PoolDecider Pool { get; set; } = new(new PoolSettings { Size = 2 });

    private protected TimeSpan Now { get; set; } = TimeSpan.FromHours(1);

    private protected IEnumerable<ulong> Recomputed() => Enumerable.Range(0, Pool.Digest(0).Buckets.Count).Select(bucket =>
        Pool.Bucket(bucket).Tokens.Aggregate(0UL, (sum, token) => sum + TokenDigest.Mix(token.Ordinal, token.Version)));

    private protected void Load(int size) => Pool.Load(new PoolImage(size, [.. Enumerable.Range(0, size).Select(n => Known(n))]), Now);

    private protected void Evicting(int size)
    {
        Pool = new PoolDecider(new PoolSettings { Size = size, WhenExhausted = WhenExhausted.EvictOldest });
        Load(size);
    }

    /// <summary>Lends the next free tokens under these usage ids to the users of the same number.</summary>
    private protected void Lend(params int[] usages)
    {
        foreach (var usage in usages)
        {
            Activate(usage);
            var ask = (TokenCommand.Activate)Assert.Single(Take().OfType<PoolEffect.TellToken>()).Command;
            var token = Pool.Bucket(0).Tokens.Concat(Pool.Bucket(1).Tokens).First(t => t.TokenId == ask.TokenId).Ordinal;
            Grant(token, 1, usage);
            Take();
        }
    }

    private protected void Doubt()
    {
        Activate(1000);
        Take();
        Answer(new TokenAnswer.Failed(Make.Token(0), Make.Usage(1000), OutcomeUnknown: false));
        Take();
    }

    private protected void Activate(int usage, int? user = null, bool chosen = false, string? from = null) => Pool.Activate(
        new PoolRequest.ActivateToken(Make.User(user ?? usage), Make.Usage(usage), chosen), Caller(from ?? $"{usage}"), Now);

    private protected void Release(int token, int usage) => Pool.ReleaseToken(
        new PoolRequest.ReleaseToken(Make.Token(token), Make.Usage(usage)), Caller($"r{usage}"), Now);

    private protected void LookedUp(int usage, UsageRow? row, TimeSpan? askedAt = null) =>
        Pool.UsageLookedUp(Make.Usage(usage), answered: true, row, askedAt ?? Now, Now);

    private protected void NotLookedUp(int usage) =>
        Pool.UsageLookedUp(Make.Usage(usage), answered: false, row: null, Now, Now);

    /// <summary>Clears, and the ledger has nothing newer than what the pool knows.</summary>
    private protected void Clear(string from, int size)
    {
        Pool.ClearTokens(Caller(from));
        Assert.Equal(new PoolEffect.Reload(), Take()[^1]);
        Load(size);
    }

    private protected Caller Caller(string from) => new(from, Now + PoolDecider.CallerPatience);

    private protected void Answer(TokenAnswer answer) => Pool.TokenAnswered(answer, Now);

    private protected void Grant(int token, long fence, int usage) =>
        Answer(new TokenAnswer.Activated(Make.Token(token), Make.Row(Make.Open(token, fence, usage))));

    private protected void Tick(TimeSpan later)
    {
        Now += later;
        Pool.Tick(Now);
    }

    /// <summary>What the pool does, without the numbers of its asks.</summary>
    private protected PoolEffect[] Take() =>
    [
        .. Pool.TakeEffects().Select(effect => effect is PoolEffect.TellToken { Command: TokenCommand.Activate ask } told
            ? told with { Command = ask with { Ask = 0 } }
            : effect),
    ];

    /// <summary>The numbers of the asks that the pool makes now.</summary>
    private protected long[] TakeAsks() =>
        [.. Pool.TakeEffects().OfType<PoolEffect.TellToken>().Select(told => told.Command).OfType<TokenCommand.Activate>().Select(ask => ask.Ask)];

    private protected (int Free, int Active, int Reserved, int Waiting) Books()
    {
        var status = Pool.StatusAt(Now);
        Assert.Equal(status.Total, status.Free + status.Active + status.Reserved);
        Assert.Equal(Recomputed(), Pool.Digest(0).Buckets);
        return (status.Free, status.Active, status.Reserved, status.Waiting);
    }

    private protected static PoolToken Known(int token, Usage? open = null) =>
        new(Make.Token(token), token, open?.Fence ?? 0, open is null ? null : Make.Row(open));

    private protected static PoolEffect.Reply Reply(string to, PoolAnswer answer) => new(to, answer);

    /// <summary>What is asked now.</summary>
    private protected PoolEffect.TellToken Ask(int token, int usage, int? user = null) => new(
        new TokenCommand.Activate(Make.Token(token), Make.Usage(usage), Make.User(user ?? usage), Make.Lease))
    {
        NotAfter = Now + Activation.AskLasts,
    };

    private protected static PoolEffect.TellToken Close(int token, int usage, EndReason reason = EndReason.Released) =>
        new(new TokenCommand.Release(Make.Token(token), Make.Usage(usage), reason));

    private protected static PoolEffect.TellToken Wake(int token) => new(new TokenCommand.Wake(Make.Token(token)));
}
