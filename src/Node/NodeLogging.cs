using Akka.Hosting;
using LogLevel = Akka.Event.LogLevel;

namespace TokenManager.Node;

/// <summary>Sends the actors' log to the host's, whose settings alone decide what is shown.</summary>
internal static class NodeLogging
{
    public static AkkaConfigurationBuilder AddNodeLogging(this AkkaConfigurationBuilder akka) => akka
        .AddHocon(
            $"akka.stdout-logger-class = \"{typeof(WarningsOnStandardError).AssemblyQualifiedName}\"", HoconAddMode.Prepend)
        .ConfigureLoggers(setup =>
        {
            setup.LogLevel = LogLevel.InfoLevel;
            setup.AddLoggerFactory();
            setup.ClearLoggers();
            setup.AddLogger<NodeLogger>();
            // Said in one line by whoever refused the other side; this one has a stack trace for each attempt.
            setup.WithLogFilter(filter => filter.ExcludeMessageContaining("TLS handshake failed on channel"));
        });
}
