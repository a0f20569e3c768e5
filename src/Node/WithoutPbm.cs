using Akka.Hosting;

namespace TokenManager.Node.Pbm;

/// <summary>Stands for the folder <c>Pbm</c> in a build without it.</summary>
internal static class PbmHosting
{
    /// <summary>Whether this build has it.</summary>
    public static bool IsCompiledIn => false;

#pragma warning disable IDE0060 // The same call composes the node in either build.
    public static AkkaConfigurationBuilder AddPbm(
        this AkkaConfigurationBuilder akka, string host, int port, IServiceProvider services) => akka;
#pragma warning restore IDE0060
}
