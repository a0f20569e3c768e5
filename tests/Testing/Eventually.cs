using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace TokenManager.Testing;

/// <summary>Asks again and again until something is so, instead of sleeping and hoping.</summary>
public static class Eventually
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(25);

    /// <summary>
    /// Returns as soon as <paramref name="condition"/> holds. An exception counts as "not yet".
    /// </summary>
    /// <exception cref="TimeoutException">It did not hold in time; says which condition, and the last exception.</exception>
    public static async Task Async(
        Func<Task<bool>> condition,
        TimeSpan within,
        Func<string>? describe = null,
        [CallerArgumentExpression(nameof(condition))] string expression = "")
    {
        ArgumentNullException.ThrowIfNull(condition);
        var started = Stopwatch.GetTimestamp();
        var attempts = 0;
        Exception? last;
        do
        {
            attempts++;
            try
            {
                if (await condition()) return;
                last = null;
            }
            catch (Exception failure) when (failure is not NodeEndedException)
            {
                last = failure;
            }

            await Task.Delay(Interval);
        }
        while (Stopwatch.GetElapsedTime(started) < within);

        throw new TimeoutException(
            $"Not so within {within.TotalSeconds:0.###} s, asked {attempts} times: {expression}"
            + (last is null ? "" : $"\nLast time: {last.GetType().Name}: {last.Message}")
            + (describe is null ? "" : $"\n{describe()}"),
            last);
    }

    /// <inheritdoc cref="Async(Func{Task{bool}}, TimeSpan, Func{string}?, string)"/>
    public static Task Async(
        Func<bool> condition,
        TimeSpan within,
        Func<string>? describe = null,
        [CallerArgumentExpression(nameof(condition))] string expression = "") =>
        Async(() => Task.FromResult(condition()), within, describe, expression);
}
