namespace TokenManager.Actors.Pool;

/// <summary>When to ask a token again: further and further apart.</summary>
internal static class Retry
{
    public static readonly TimeSpan First = TimeSpan.FromMilliseconds(25);

    private static readonly TimeSpan Last = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(1);

    /// <summary>After an ask that failed.</summary>
    public static TimeSpan AfterFailure(int asks)
    {
        var delay = First * Math.Pow(2, Math.Min(asks - 1, 10));
        return delay < Last ? delay : Last;
    }

    /// <summary>After an ask that is not answered.</summary>
    public static TimeSpan WithoutAnswer(int asks) => AnswerTimeout + AfterFailure(asks);
}
