using System.Text;
using TokenManager.Bench.Driver;

namespace TokenManager.Bench.Growth;

/// <summary>
/// Asks tokens to end a usage that they never had. They refuse; but to know that, each must be awake, and it arms the
/// timer of its own usage.
/// </summary>
internal sealed class Waking(IEnumerator<Guid> tokens, Lock turn) : ICaller
{
    private const int Refused = 422;

    private readonly RequestTemplate _request = new("POST /api/tokens/{id}/release", [], """{"usage_id":"{id}"}""");

    public static IReadOnlyList<Waking> Callers(int count, IReadOnlyCollection<Guid> tokens)
    {
        var turn = new Lock();
        var remaining = tokens.GetEnumerator();
        return [.. Enumerable.Range(0, count).Select(_ => new Waking(remaining, turn))];
    }

    public long Call(HttpConnection connection)
    {
        Guid token;
        lock (turn) token = tokens.MoveNext() ? tokens.Current : throw new InvalidOperationException("There are more calls than tokens.");

        var answer = connection.Exchange(_request.Fill(token, RandomId.Next()));
        return answer.Status == Refused
            ? connection.Took
            : throw new WrongAnswerException($"Token {token} answered {answer.Status}: {Encoding.UTF8.GetString(answer.Body)}");
    }
}
