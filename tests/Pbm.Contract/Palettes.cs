using Akka.Actor;
using Petabridge.Cmd.Host;

// The public names of the three palettes that src/Node/Pbm registers; see Common.cs. They have no commands here.

namespace Petabridge.Cmd.Cluster
{
    public sealed class ClusterCommands : CommandPaletteHandler
    {
        private ClusterCommands()
            : base(new CommandPalette("cluster", []))
        {
        }

        public static ClusterCommands Instance { get; } = new();

        public override Props HandlerProps => Props.Empty;
    }
}

namespace Petabridge.Cmd.Cluster.Sharding
{
    public sealed class ClusterShardingCommands : CommandPaletteHandler
    {
        private ClusterShardingCommands()
            : base(new CommandPalette("cluster-sharding", []))
        {
        }

        public static ClusterShardingCommands Instance { get; } = new();

        public override Props HandlerProps => Props.Empty;
    }
}

namespace Petabridge.Cmd.Remote
{
    public sealed class RemoteCommands() : CommandPaletteHandler(new CommandPalette("remote", []))
    {
        public override Props HandlerProps => Props.Empty;
    }
}
