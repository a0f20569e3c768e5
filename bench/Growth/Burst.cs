using TokenManager.Bench.Driver;
using TokenManager.Bench.Reporting;
using TokenManager.Testing;

namespace TokenManager.Bench.Growth;

/// <summary>
/// Very many leases that all fall due within ten seconds, though it took minutes to take them: the node is started again
/// with a shorter lease every few seconds meanwhile, so that all of them end together.
/// </summary>
internal static class Burst
{
    private const int Callers = 32;

    // Tokens beyond the burst's, for those who want one while it lasts.
    private const int Spare = 1000;
    private const int CallersMeanwhile = 16;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(100);

    /// <summary>What else goes on while the leases end.</summary>
    public static string Meanwhile =>
        Invariant($"{CallersMeanwhile} callers borrow, each every {Pace.TotalMilliseconds:0} ms, and a late request counts from when it should have been sent");

    private static readonly TimeSpan DueWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    public static async Task MeasureAsync(Stage stage, Section section)
    {
        using var database = await stage.DatabaseAsync();
        var size = stage.Extent.Burst;
        var due = TimeProvider.System.GetUtcNow() + stage.Extent.BurstStart + stage.Extent.BurstLease;
        var (node, tokens) = await TakeAsync(stage, database, due);

        stage.Say(Invariant($"growth: burst: waking {size:#,0} tokens"));
        await Load.RunAsync(node.BaseAddress, Waking.Callers(Callers, tokens), new Turns(calls: tokens.Count), stage.Stop);

        var wait = due - TimeProvider.System.GetUtcNow();
        if (wait < TimeSpan.Zero) throw new InvalidOperationException(Invariant($"Taking all leases took {-wait.TotalSeconds:0} s too long."));
        for (; wait > TimeSpan.Zero; wait = due - TimeProvider.System.GetUtcNow())
        {
            stage.Say(Invariant($"growth: burst: {size:#,0} leases fall due in {wait.TotalSeconds:0} s"));
            await Task.Delay(wait < Minute ? wait : Minute, stage.Stop);
        }

        var turns = new Turns(Longest);
        var meanwhile = Load.RunAsync(node.BaseAddress, Borrowing.Callers(CallersMeanwhile, Pace), turns, stage.Stop);
        await ReleasedAsync(stage, database, due);
        turns.Stop();
        Report(section, size, await ReadAsync(database, due), await meanwhile);
    }

    private static async Task<(NodeProcess Node, IReadOnlyList<Guid> Tokens)> TakeAsync(
        Stage stage, Database database, DateTimeOffset due)
    {
        var size = stage.Extent.Burst;
        var tokens = new List<Guid>(size);
        var taken = new HashSet<Guid>(size);
        NodeProcess? node = null;
        while (tokens.Count < size)
        {
            // A lease is a whole number of seconds here, and is taken when just that is left.
            var lease = TimeSpan.FromSeconds(Math.Floor((due - TimeProvider.System.GetUtcNow() - stage.Extent.BurstStart).TotalSeconds));
            if (lease < Second)
                throw new InvalidOperationException(Invariant($"Of {size} leases {tokens.Count} could be taken before the first falls due."));
            var settings = Stage.AsUsersRunIt(database.Node(size + Spare, lease));
            if (node is null)
            {
                node = await stage.NodeAsync(settings);
            }
            else
            {
                await node.TerminateAsync(Longest);
                node.Relaunch(settings);
                await node.WaitReadyAsync(Longest);
            }

            var early = due - lease - TimeProvider.System.GetUtcNow();
            if (early > TimeSpan.Zero) await Task.Delay(early, stage.Stop);
            var callers = Activating.Callers(Callers);
            // The last calls end a little later.
            var span = due - lease + DueWithin - Second - TimeProvider.System.GetUtcNow();
            await Load.RunAsync(node.BaseAddress, callers, new Turns(span, size - tokens.Count), stage.Stop);
            Activating.NoneIsLentTwice(callers, taken);
            tokens.AddRange(callers.SelectMany(caller => caller.Grants).Select(grant => grant.TokenId));
            stage.Say(Invariant($"growth: burst: {tokens.Count:#,0} of {size:#,0} leases taken"));
        }

        return (node!, tokens);
    }

    private static async Task ReleasedAsync(Stage stage, Database database, DateTimeOffset due)
    {
        var started = TimeProvider.System.GetTimestamp();
        long open;
        do
        {
            await Task.Delay(Second, stage.Stop);
            open = 0;
            await database.ReadAsync(
                Invariant($"select count(*) from token_usages where ended_at is null and expires_at < '{due + DueWithin + Second:O}'"),
                reader => open = reader.GetInt64(0));
            stage.Say(Invariant($"growth: burst: {open:#,0} not released yet"));
            if (TimeProvider.System.GetElapsedTime(started) > Longest)
                throw new InvalidOperationException($"{open} leases were not released within {Longest}.");
        }
        while (open > 0);
    }

    /// <summary>From the first one's due time until the last due time and until the last release; how late the latest was.</summary>
    private static async Task<(double Spread, double Released, double Latest, long Count, long Early)> ReadAsync(
        Database database, DateTimeOffset due)
    {
        var result = (0.0, 0.0, 0.0, 0L, 0L);
        await database.ReadAsync(
            Invariant(
                $"""
                select extract(epoch from max(expires_at) - min(expires_at))::float8,
                    extract(epoch from max(ended_at) - min(expires_at))::float8,
                    extract(epoch from max(ended_at - expires_at))::float8,
                    count(*),
                    count(*) filter (where ended_at < expires_at)
                from token_usages where end_reason = 'expired' and expires_at < '{due + DueWithin + Second:O}'
                """),
            reader => result = (reader.GetDouble(0), reader.GetDouble(1), reader.GetDouble(2), reader.GetInt64(3), reader.GetInt64(4)));
        return result;
    }

    private static void Report(
        Section section,
        int size,
        (double Spread, double Released, double Latest, long Count, long Early) burst,
        LoadResult meanwhile)
    {
        var name = Invariant($"{size:#,0} leases due together");
        section.Add($"{name}: due within", "s", burst.Spread);
        section.AtMost(section.Add($"{name}: from the first due time to the last release", "s", burst.Released), 90, aim: 30);
        section.Add($"{name}: the latest release", "s late", burst.Latest);
        section.Add($"{name}: activations meanwhile", "activations/s", meanwhile.PerSecond);
        section.AtMost(section.Add($"{name}: activation meanwhile, p99", "ms", meanwhile.At(99)), 500);
        section.Add($"{name}: activation meanwhile, slowest", "ms", meanwhile.At(100));
        if (burst.Count < size || burst.Early > 0)
            throw new WrongAnswerException($"Of {size} leases {burst.Count} expired, {burst.Early} of them early.");
    }
}
