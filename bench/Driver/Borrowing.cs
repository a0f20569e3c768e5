using System.Text;

namespace TokenManager.Bench.Driver;

/// <summary>Asks for a token and gives it back at once, over and over; only the activation's time counts.</summary>
internal sealed class Borrowing : ICaller
{
    private const int Ok = 200;

    private readonly Activating _activating = new();
    private readonly RequestTemplate _release = new("POST /api/tokens/{id}/release", [], """{"usage_id":"{id}"}""");

    public static IReadOnlyList<Borrowing> Callers(int count) => [.. Enumerable.Range(0, count).Select(_ => new Borrowing())];

    public long Call(HttpConnection connection)
    {
        var took = _activating.Call(connection);
        var grant = _activating.Grants[^1];
        var answer = connection.Exchange(_release.Fill(grant.TokenId, grant.UsageId));
        return answer.Status == Ok
            ? took
            : throw new WrongAnswerException($"The release of {grant} was answered {answer.Status}: {Encoding.UTF8.GetString(answer.Body)}");
    }
}
