using System.Collections.Concurrent;

namespace TokenManager.Testing;

/// <summary>How often each kind of answer came.</summary>
internal sealed class Tally
{
    private readonly ConcurrentDictionary<string, int> _counts = new();

    public int this[string word] => _counts.GetValueOrDefault(word);

    public int Total => _counts.Values.Sum();

    public void Add(string word) => _counts.AddOrUpdate(word, 1, (_, count) => count + 1);

    public void Add(Tally other)
    {
        foreach (var (word, more) in other._counts) _counts.AddOrUpdate(word, more, (_, count) => count + more);
    }

    public override string ToString() => string.Join(
        ", ", _counts.OrderBy(count => count.Key, StringComparer.Ordinal).Select(count => $"{count.Key}: {count.Value}"));
}
