namespace TokenManager.Bench.Driver;

/// <summary>Asks for one token after the other, each for another user, and keeps them.</summary>
internal sealed class Activating : ICaller
{
    private readonly RequestTemplate _request = new(
        "POST /api/tokens/activate", ["Idempotency-Key: {id}"], """{"user_id":"{id}"}""");

    private readonly List<Granted> _grants = [];

    /// <summary>What it got.</summary>
    public IReadOnlyList<Granted> Grants => _grants;

    public static IReadOnlyList<Activating> Callers(int count) => [.. Enumerable.Range(0, count).Select(_ => new Activating())];

    /// <summary>Adds what they got to what was lent before.</summary>
    /// <exception cref="WrongAnswerException">A token was lent that nobody had given back.</exception>
    public static void NoneIsLentTwice(IEnumerable<Activating> callers, HashSet<Guid> lent)
    {
        foreach (var grant in callers.SelectMany(caller => caller.Grants))
        {
            if (!lent.Add(grant.TokenId)) throw new WrongAnswerException($"Token {grant.TokenId} was lent twice.");
        }
    }

    public long Call(HttpConnection connection)
    {
        var (user, usage) = (RandomId.Next(), RandomId.Next());
        var answer = connection.Exchange(_request.Fill(usage, user));
        var took = connection.Took;
        _grants.Add(Granted.Read(answer, user, usage));
        return took;
    }
}
