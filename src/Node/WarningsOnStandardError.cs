using Akka.Event;
using LogLevel = Akka.Event.LogLevel;

namespace TokenManager.Node;

/// <summary>
/// What actors say before the host's log is there and after it has gone. Akka.NET's own prints everything at that end
/// of the process's life, whatever the configured level.
/// </summary>
internal sealed class WarningsOnStandardError : MinimalLogger
{
    /// <inheritdoc />
    protected override void Log(object message)
    {
        if (message is LogEvent entry && entry.LogLevel() >= LogLevel.WarningLevel)
            Console.Error.WriteLine(entry.ToString());
    }
}
