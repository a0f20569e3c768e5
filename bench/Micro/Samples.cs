using TokenManager.Actors;
using TokenManager.Actors.Ledger;

namespace TokenManager.Bench.Micro;

/// <summary>Tokens and usages to decide on, cache and write.</summary>
internal static class Samples
{
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);

    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>An id that tells its number.</summary>
    public static Guid Id(int number) => new(number, 0x4053, 0x4053, 0x80, 0, 0, 0, 0, 0, 0, 1);

    /// <summary>The number of an id that was made here.</summary>
    public static int NumberOf(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes);
        return BitConverter.ToInt32(bytes);
    }

    public static Usage Usage(int token, long fence, Guid usage, Guid user) =>
        new(usage, Id(token), user, fence, Start, Start + Lease, End: null);

    public static Usage Usage(int token) => Usage(token, 1, Id(1_000_000 + token), Id(2_000_000 + token));

    public static Usage Ended(Usage usage) => usage with { End = new UsageEnd(Start + Lease, EndReason.Released) };

    public static UsageRow Row(Usage usage) => new(usage, Lease);
}
