using System.Text;
using TokenManager.Bench.Driver;

namespace TokenManager.Bench.Reads;

/// <summary>What the node answered once, to be answered by the floor and expected from both.</summary>
/// <param name="Path">The question.</param>
/// <param name="IfNoneMatch">The question's condition, if it had one.</param>
/// <param name="Status">The answer's status.</param>
/// <param name="Headers">Its headers, but for those that a server makes by itself.</param>
/// <param name="Body">Its bytes.</param>
internal sealed record CapturedAnswer(
    string Path, string? IfNoneMatch, int Status, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    private const int Ok = 200;
    private const int NotModified = 304;
    private static readonly string[] OfTheServer = ["Content-Length", "Date"];

    /// <summary>Asks once.</summary>
    /// <param name="target">Who.</param>
    /// <param name="path">What.</param>
    /// <param name="unless">An answer that the asker has already.</param>
    public static CapturedAnswer Capture(Uri target, string path, CapturedAnswer? unless = null)
    {
        var ifNoneMatch = unless?.Headers["ETag"];
        using var connection = new HttpConnection(target);
        var answer = connection.Exchange(ConstantRead.Request(path, ifNoneMatch));
        var headers = Encoding.ASCII.GetString(answer.Head).Split("\r\n")[1..]
            .Select(line => line.Split(": ", 2))
            .Where(header => !OfTheServer.Contains(header[0], StringComparer.OrdinalIgnoreCase))
            .ToDictionary(header => header[0], header => header[1]);
        var expected = unless is null ? Ok : NotModified;
        if (answer.Status != expected) throw new WrongAnswerException($"{path} was answered {answer.Status} instead of {expected}.");
        return new CapturedAnswer(path, ifNoneMatch, answer.Status, headers, answer.Body.ToArray());
    }

    /// <summary>Looks whether another server answers the same, header by header and byte by byte.</summary>
    /// <exception cref="WrongAnswerException">It does not.</exception>
    public void SameAs(CapturedAnswer other)
    {
        var same = Status == other.Status
            && Body.AsSpan().SequenceEqual(other.Body)
            && Headers.Count == other.Headers.Count
            && Headers.All(header => other.Headers.TryGetValue(header.Key, out var value) && value == header.Value);
        if (!same) throw new WrongAnswerException($"{Path} is answered otherwise by the floor than by the node.");
    }

    public IReadOnlyList<ConstantRead> Callers(int count)
    {
        var request = ConstantRead.Request(Path, IfNoneMatch);
        return [.. Enumerable.Range(0, count).Select(_ => new ConstantRead(request, Status, Body))];
    }
}
