using TokenManager.Actors.Ledger;

namespace TokenManager.Actors.Tests.Model;

/// <summary>Ids and usages that can be told apart at a glance.</summary>
internal static class Make
{
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);
    public static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static Guid Token(int number) => new($"00000000-0000-0000-0000-{number:D12}");

    public static Guid User(int number) => new($"00000000-0000-0000-0001-{number:D12}");

    public static Guid Usage(int number) => new($"00000000-0000-0000-0002-{number:D12}");

    /// <summary>The usage of this number, by the user of the same number, with a second between two fences.</summary>
    public static Usage Open(int token, long fence, int usage) => new(
        Usage(usage), Token(token), User(usage), fence, Start.AddSeconds(fence), Start.AddSeconds(fence) + Lease, End: null);

    public static Usage Ended(int token, long fence, int usage, EndReason reason = EndReason.Released) =>
        Open(token, fence, usage) with { End = new UsageEnd(Start.AddSeconds(fence + 0.5), reason) };

    public static UsageRow Row(Usage usage) => new(usage, Lease);

    public static UsageRow Overdue(Usage usage) => new(usage, TimeSpan.FromSeconds(-1));
}
