namespace TokenManager.Actors;

/// <summary>
/// How pool and caches compare what they know without sending it: tokens are grouped into buckets by ordinal, and a
/// bucket's fingerprint is the sum of its tokens' mixed (ordinal, version) pairs, so that it can be kept up to date
/// change by change, in any order.
/// </summary>
internal static class TokenDigest
{
    /// <summary>Tokens in a bucket: a full one fits into one message.</summary>
    public const int BucketSize = 256;

    public static int BucketOf(int ordinal) => ordinal / BucketSize;

    /// <summary>The finalizer of MurmurHash3 over both numbers.</summary>
    public static ulong Mix(int ordinal, long version)
    {
        var h = ((ulong)(uint)ordinal * 0x9E3779B97F4A7C15UL) ^ (ulong)version;
        h ^= h >> 33;
        h *= 0xFF51AFD7ED558CCDUL;
        h ^= h >> 33;
        h *= 0xC4CEB9FE1A85EC53UL;
        h ^= h >> 33;
        return h;
    }
}
