using System.Runtime.InteropServices;

namespace TokenManager.Bench.Driver;

/// <summary>Ids of users and usages as clients make them: anywhere in an index.</summary>
internal static class RandomId
{
    public static Guid Next()
    {
        var id = Guid.Empty;
        Random.Shared.NextBytes(MemoryMarshal.AsBytes(new Span<Guid>(ref id)));
        return id;
    }
}
