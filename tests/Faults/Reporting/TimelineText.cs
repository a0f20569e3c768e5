using System.Globalization;
using System.Text;
using TokenManager.Faults.History;

namespace TokenManager.Faults.Reporting;

/// <summary>A run second by second: what every node answered, and what was done to whom.</summary>
internal static class TimelineText
{
    private const long Second = 1_000_000;

    /// <summary>
    /// A line a second; for each node good answers, and after a slash those that were unavailable or did not come. Faults are named in
    /// the seconds in which they begin, are taken back, and are overcome.
    /// </summary>
    public static string Write(Evidence evidence)
    {
        var text = new StringBuilder();
        var nodes = evidence.Operations.Select(operation => operation.Node).Distinct().Order().ToList();
        text.AppendLine(CultureInfo.InvariantCulture, $"{"s",5} {string.Join(' ', nodes.Select(node => $"{"node " + node,9}"))}");
        var seconds = evidence.Operations.ToLookup(operation => operation.Completed / Second);
        for (var second = 0L; second <= evidence.Ended / Second; second++)
        {
            var answers = nodes.Select(node => seconds[second].Where(operation => operation.Node == node).ToList())
                .Select(ofNode => (All: ofNode.Count, Failed: ofNode.Count(HasFailed)))
                .Select(count => $"{(count.Failed == 0 ? $"{count.All}" : $"{count.All - count.Failed}/{count.Failed}"),9}");
            var events = evidence.Faults.SelectMany(fault => new[]
            {
                (At: fault.Began, What: $"{fault.Nemesis} begins: {fault.What}"),
                (At: fault.Healed, What: $"{fault.Nemesis} is taken back"),
                (At: fault.Recovered, What: $"{fault.Nemesis} is overcome"),
            }).Where(change => change.At / Second == second).OrderBy(change => change.At).Select(change => change.What).Distinct();
            text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"{second,5} {string.Join(' ', answers)}  {string.Join("; ", events)}").TrimEnd());
        }

        return text.ToString();
    }

    /// <summary>Whether nobody answered, or only to say that it cannot be done now.</summary>
    public static bool HasFailed(Operation operation) =>
        operation.Answer is Answer.Unavailable or Answer.Nothing or Answer.Broken;
}
