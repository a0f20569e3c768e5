namespace TokenManager.Bench.Driver;

/// <summary>One user of a service, on one connection and one thread.</summary>
internal interface ICaller
{
    /// <summary>Calls once, and looks whether the answer means what it must.</summary>
    /// <returns>What is measured of it, in units of the clock.</returns>
    /// <exception cref="WrongAnswerException">It does not.</exception>
    long Call(HttpConnection connection);
}
