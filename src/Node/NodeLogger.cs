using Akka.Actor;
using Akka.Event;
using Akka.Hosting.Logging;

namespace TokenManager.Node;

/// <summary>Leaves out of the host's log what <see cref="NodeLogging"/> filters; Akka.NET's own logger for it does not.</summary>
internal sealed class NodeLogger : LoggerFactoryLogger
{
    private readonly LogFilterEvaluator _filter = Context.System.Settings.LogFilter;

    protected override void Log(LogEvent log, ActorPath path)
    {
        if (_filter.ShouldTryKeepMessage(log, out _)) base.Log(log, path);
    }
}
