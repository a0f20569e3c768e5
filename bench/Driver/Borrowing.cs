using System.Text;

namespace TokenManager.Bench.Driver;

/// <summary>Asks for a token and gives it back at once, over and over; only the activation's time counts.</summary>
/// <param name="pace">
/// When each asks again, whether or not it has been answered in time: then the wait counts from when it should have asked.
/// Null: as soon as it is done.
/// </param>
internal sealed class Borrowing(TimeSpan? pace = null) : ICaller
{
    private const int Ok = 200;

    private readonly Activating _activating = new();
    private readonly RequestTemplate _release = new("POST /api/tokens/{id}/release", [], """{"usage_id":"{id}"}""");
    private readonly long _pace = (long)((pace ?? TimeSpan.Zero).TotalSeconds * TimeProvider.System.TimestampFrequency);
    private long _next;

    public static IReadOnlyList<Borrowing> Callers(int count, TimeSpan? pace = null) =>
        [.. Enumerable.Range(0, count).Select(_ => new Borrowing(pace))];

    public long Call(HttpConnection connection)
    {
        var late = Wait();
        var took = late + _activating.Call(connection);
        var grant = _activating.Grants[^1];
        var answer = connection.Exchange(_release.Fill(grant.TokenId, grant.UsageId));
        return answer.Status == Ok
            ? took
            : throw new WrongAnswerException($"The release of {grant} was answered {answer.Status}: {Encoding.UTF8.GetString(answer.Body)}");
    }

    /// <summary>Waits until it is time to ask; how late that is, in units of the clock.</summary>
    private long Wait()
    {
        if (_pace == 0) return 0;

        var now = TimeProvider.System.GetTimestamp();
        _next = _next == 0 ? now : _next + _pace;
        if (now >= _next) return now - _next;

        Thread.Sleep(TimeProvider.System.GetElapsedTime(now, _next));
        return 0;
    }
}
