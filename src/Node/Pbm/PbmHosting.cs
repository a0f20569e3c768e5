using Akka.Hosting;
using Petabridge.Cmd.Cluster;
using Petabridge.Cmd.Cluster.Sharding;
using Petabridge.Cmd.Host;
using Petabridge.Cmd.Remote;
using TokenManager.Actors.Management;

namespace TokenManager.Node.Pbm;

/// <summary>Lets <c>pbm</c> connect to the node. Compiled when the build property EnablePbm is true.</summary>
internal static class PbmHosting
{
    /// <summary>Whether this build has it.</summary>
    public static bool IsCompiledIn => true;

    /// <summary>
    /// Listens for <c>pbm</c>, with the palettes of the cluster, its sharding, its remoting, and our own. It has no
    /// authentication: whoever reaches the port commands the node.
    /// </summary>
    public static AkkaConfigurationBuilder AddPbm(
        this AkkaConfigurationBuilder akka, string host, int port, IServiceProvider services) => akka.AddPetabridgeCmd(
        new PetabridgeCmdOptions { Host = host, Port = port },
        pbm =>
        {
            pbm.RegisterCommandPalette(ClusterCommands.Instance);
            pbm.RegisterCommandPalette(ClusterShardingCommands.Instance);
            pbm.RegisterCommandPalette(new RemoteCommands());
            pbm.RegisterCommandPalette(new TokensPalette(services.GetRequiredService<ITokenManagement>));
        });
}
