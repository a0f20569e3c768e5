using System.Globalization;

namespace TokenManager.Cluster.Drills;

/// <summary>One measured value, and what it must or should not exceed.</summary>
internal sealed record Figure(string Drill, string What, double Value, string Unit, double? Bound = null, double? Aim = null)
{
    public const string Seconds = "s";

    public bool Holds => Bound is null || Value <= Bound;

    public string Shown => Show(Value);

    public string Allowed => (Bound, Aim) switch
    {
        (null, null) => "",
        (null, { } aim) => $"aim {Show(aim)}",
        ({ } bound, null) => Show(bound),
        ({ } bound, { } aim) => $"{Show(bound)} (aim {Show(aim)})",
    };

    private string Show(double value) =>
        string.Create(CultureInfo.InvariantCulture, $"{value:0.##}{(Unit.Length == 0 ? "" : " " + Unit)}");
}
