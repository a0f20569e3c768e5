using Akka.Cluster.Sharding;
using Akka.Configuration;
using Akka.Remote;
using TokenManager.Actors.Hosting;

namespace TokenManager.Node.Tests.Deploy;

/// <summary>How long a node may take to end, by its own configuration.</summary>
internal static class ShutdownTime
{
    /// <summary>All phases of coordinated shutdown, each taking as long as it may.</summary>
    public static TimeSpan Phases
    {
        get
        {
            var shutdown = ActorSystemConfig().GetConfig("akka.coordinated-shutdown");
            var usual = shutdown.GetTimeSpan("default-phase-timeout");
            var phases = shutdown.GetConfig("phases");
            return phases.Root.GetObject().Items.Keys
                .Select(phase => phases.GetTimeSpan($"{phase}.timeout", usual))
                .Aggregate(TimeSpan.Zero, (sum, timeout) => sum + timeout);
        }
    }

    /// <summary>From the signal to the exit at worst.</summary>
    public static TimeSpan Longest(NodeOptions options) => NodeExit.ShutdownTimeout + options.DrainDelay;

    private static Config ActorSystemConfig()
    {
        using var stream = typeof(TokenManagerHosting).Assembly.GetManifestResourceStream("tokenmanager.conf")!;
        using var reader = new StreamReader(stream);
        return ConfigurationFactory.ParseString(reader.ReadToEnd())
            .WithFallback(ClusterSharding.DefaultConfig())
            .WithFallback(ConfigurationFactory.FromResource<Akka.Cluster.Cluster>("Akka.Cluster.Configuration.Cluster.conf"))
            .WithFallback(ConfigurationFactory.FromResource<RemoteActorRefProvider>("Akka.Remote.Configuration.Remote.conf"))
            .WithFallback(ConfigurationFactory.Default());
    }
}
