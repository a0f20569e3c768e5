using TokenManager.Bench.Reporting;

namespace TokenManager.Bench;

/// <summary>One of the things that are measured.</summary>
internal abstract class Measurement
{
    /// <summary>Its name on the command line and in the report.</summary>
    public abstract string Name { get; }

    /// <summary>What it is about, in a line.</summary>
    public abstract string What { get; }

    /// <summary>Measures, and writes down each figure as soon as it is known.</summary>
    /// <exception cref="WrongAnswerException">Somebody answered something else than what was asked for.</exception>
    public abstract Task MeasureAsync(Stage stage, Section section);
}
