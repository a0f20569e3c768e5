using System.Text.Json.Serialization;
using TokenManager.Testing;

namespace TokenManager.Faults.History;

/// <summary>What an operation was told, or that it was told nothing.</summary>
[JsonDerivedType(typeof(Nothing), "nothing")]
[JsonDerivedType(typeof(Refused), "refused")]
[JsonDerivedType(typeof(Unavailable), "unavailable")]
[JsonDerivedType(typeof(Granted), "granted")]
[JsonDerivedType(typeof(Released), "released")]
[JsonDerivedType(typeof(Cleared), "cleared")]
[JsonDerivedType(typeof(Shown), "shown")]
[JsonDerivedType(typeof(Past), "past")]
[JsonDerivedType(typeof(Figures), "figures")]
[JsonDerivedType(typeof(Broken), "broken")]
internal abstract record Answer
{
    private Answer()
    {
    }

    /// <summary>The connection broke, or the caller gave up: anything may have happened, or may yet.</summary>
    internal sealed record Nothing : Answer;

    /// <summary>A 4xx: nothing was changed.</summary>
    internal sealed record Refused(string Code) : Answer;

    /// <summary>A 503 that says whether nothing was changed or that it is not known.</summary>
    internal sealed record Unavailable(bool MayHaveHappened) : Answer;

    internal sealed record Granted(Grant Grant) : Answer;

    internal sealed record Released(Guid UsageId, long At) : Answer;

    internal sealed record Cleared(int Count) : Answer;

    /// <summary>The tokens that a read was about, as the node showed them.</summary>
    internal sealed record Shown(IReadOnlyList<Listed> Tokens) : Answer;

    /// <summary>The newest usages of a token.</summary>
    internal sealed record Past(IReadOnlyList<Row> Usages) : Answer;

    /// <summary>The pool in figures; <c>InFlight</c> counts releases as well, so the sum is made with <c>Reserved</c>.</summary>
    internal sealed record Figures(int Total, int Free, int Active, int Reserved, int InFlight) : Answer;

    /// <summary>An answer that no rule allows.</summary>
    internal sealed record Broken(string What) : Answer;
}
