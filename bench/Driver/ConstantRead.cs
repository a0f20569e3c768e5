using System.Text;

namespace TokenManager.Bench.Driver;

/// <summary>Reads what does not change, and compares every byte of it.</summary>
internal sealed class ConstantRead(byte[] request, int status, byte[] body) : ICaller
{
    public static byte[] Request(string path, string? ifNoneMatch = null) => new RequestTemplate(
        $"GET {path}", ifNoneMatch is null ? [] : [$"If-None-Match: {ifNoneMatch}"], "").Fill().ToArray();

    public long Call(HttpConnection connection)
    {
        var answer = connection.Exchange(request);
        return answer.Status == status && answer.Body.SequenceEqual(body)
            ? connection.Took
            : throw new WrongAnswerException(
                $"Expected {status} and {body.Length} known bytes, got {answer.Status}: {Encoding.UTF8.GetString(answer.Body)}");
    }
}
