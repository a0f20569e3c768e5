using System.Globalization;
using System.Net;
using System.Text;
using TokenManager.Faults.History;

namespace TokenManager.Faults.Reporting;

/// <summary>A run as a picture (SVG): a row of answers for every node, a row for every fault, time from left to right.</summary>
internal static class TimelinePicture
{
    private const long Second = 1_000_000;
    private const int SecondWidth = 6;
    private const int Left = 190;
    private const int Top = 30;
    private const int NodeHeight = 60;
    private const int FaultHeight = 14;
    private const int Gap = 10;

    public static string Draw(Evidence evidence)
    {
        var nodes = evidence.Operations.Select(operation => operation.Node).Distinct().Order().ToList();
        var nemeses = evidence.Faults.Select(fault => fault.Nemesis).Distinct().ToList();
        var seconds = evidence.Ended / Second + 1;
        var width = Left + seconds * SecondWidth + 20;
        var faultsTop = Top + nodes.Count * (NodeHeight + Gap) + Gap;
        var height = faultsTop + nemeses.Count * FaultHeight + 30;
        var svg = new StringBuilder();
        Line($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">");
        Line($"<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>");
        Line($"<text x=\"{Left}\" y=\"14\">answers a second: good (green), refused by a rule (grey), unavailable or none (red); faults below, pale until overcome</text>");
        foreach (var fault in evidence.Faults)
            Line($"<rect x=\"{X(fault.Began)}\" y=\"{Top}\" width=\"{Width(fault.Began, fault.Healed)}\" height=\"{height - Top - 30}\" fill=\"#fff3e0\"/>");

        var rates = evidence.Operations.ToLookup(operation => (operation.Node, Second: operation.Completed / Second));
        var most = Math.Max(1, rates.Max(rate => rate.Count()));
        for (var row = 0; row < nodes.Count; row++)
        {
            var bottom = Top + row * (NodeHeight + Gap) + NodeHeight;
            Line($"<text x=\"4\" y=\"{bottom - 4}\">node {nodes[row]}</text>");
            for (var second = 0L; second < seconds; second++)
            {
                var answers = rates[(nodes[row], second)].ToList();
                var y = (double)bottom;
                Bar(answers.Count(operation => !TimelineText.HasFailed(operation) && operation.Answer is not Answer.Refused), "#43a047");
                Bar(answers.Count(operation => operation.Answer is Answer.Refused), "#9e9e9e");
                Bar(answers.Count(TimelineText.HasFailed), "#e53935");

                void Bar(int count, string colour)
                {
                    if (count == 0) return;
                    var size = (double)count / most * NodeHeight;
                    y -= size;
                    Line($"<rect x=\"{Left + second * SecondWidth}\" y=\"{y:0.0}\" width=\"{SecondWidth - 1}\" height=\"{size:0.0}\" fill=\"{colour}\"/>");
                }
            }
        }

        for (var row = 0; row < nemeses.Count; row++)
        {
            var y = faultsTop + row * FaultHeight;
            Line($"<text x=\"4\" y=\"{y + 10}\">{WebUtility.HtmlEncode(nemeses[row])}</text>");
            foreach (var fault in evidence.Faults.Where(fault => fault.Nemesis == nemeses[row]))
            {
                Line($"<rect x=\"{X(fault.Began)}\" y=\"{y}\" width=\"{Width(fault.Began, fault.Recovered)}\" height=\"{FaultHeight - 3}\" fill=\"#ffcc80\"/>");
                Line($"<rect x=\"{X(fault.Began)}\" y=\"{y}\" width=\"{Width(fault.Began, fault.Healed)}\" height=\"{FaultHeight - 3}\" fill=\"#ef6c00\"><title>{WebUtility.HtmlEncode(fault.What)}</title></rect>");
            }
        }

        for (var second = 0L; second < seconds; second += 30)
            Line($"<text x=\"{Left + second * SecondWidth}\" y=\"{height - 8}\">{second} s</text>");
        Line($"</svg>");
        return svg.ToString();

        void Line(FormattableString line) => svg.AppendLine(line.ToString(CultureInfo.InvariantCulture));
    }

    private static string X(long at) => (Left + (double)at / Second * SecondWidth).ToString("0.0", CultureInfo.InvariantCulture);

    private static string Width(long from, long to) =>
        Math.Max(1, (double)(to - from) / Second * SecondWidth).ToString("0.0", CultureInfo.InvariantCulture);
}
