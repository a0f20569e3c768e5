using Google.Protobuf;
using TokenManager.Actors.Ledger;

namespace TokenManager.Actors.Serialization;

/// <summary>Converts the small shared pieces between our types and the wire's.</summary>
internal static class WireTypes
{
    public static ByteString Bytes(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return ByteString.CopyFrom(bytes);
    }

    public static Guid Id(ByteString bytes) => new(bytes.Span, bigEndian: true);

    public static long Micros(DateTimeOffset time) =>
        (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    public static DateTimeOffset Time(long micros) => DateTimeOffset.UnixEpoch.AddTicks(micros * TimeSpan.TicksPerMicrosecond);

    public static long Micros(TimeSpan span) => span.Ticks / TimeSpan.TicksPerMicrosecond;

    public static TimeSpan Span(long micros) => new(micros * TimeSpan.TicksPerMicrosecond);

    public static EndReason Reason(int reason) => reason is >= (int)EndReason.Expired and <= (int)EndReason.Evicted
        ? (EndReason)reason
        : throw new InvalidDataException($"End reason {reason} is unknown to this version.");

    public static Wire.Usage Usage(Usage usage) => new()
    {
        UsageId = Bytes(usage.UsageId),
        TokenId = Bytes(usage.TokenId),
        UserId = Bytes(usage.UserId),
        Fence = usage.Fence,
        StartedAt = Micros(usage.StartedAt),
        ExpiresAt = Micros(usage.ExpiresAt),
        End = usage.End is { } end ? new Wire.UsageEnd { At = Micros(end.At), Reason = (int)end.Reason } : null,
    };

    public static Usage Usage(Wire.Usage usage) => new(
        Id(usage.UsageId),
        Id(usage.TokenId),
        Id(usage.UserId),
        usage.Fence,
        Time(usage.StartedAt),
        Time(usage.ExpiresAt),
        usage.End is { } end ? new UsageEnd(Time(end.At), Reason(end.Reason)) : null);

    public static Wire.Usage? MaybeUsage(Usage? usage) => usage is null ? null : Usage(usage);

    public static Usage? MaybeUsage(Wire.Usage? usage) => usage is null ? null : Usage(usage);

    public static Wire.UsageRow Row(UsageRow row) => new()
    {
        Usage = Usage(row.Usage),
        Remaining = Micros(row.Remaining),
    };

    public static UsageRow Row(Wire.UsageRow row) => new(Usage(row.Usage), Span(row.Remaining));
}
