using Akka.Actor;
using Petabridge.Cmd.Host;
using TokenManager.Actors.Management;

namespace TokenManager.Node.Pbm;

/// <summary>The palette <c>tokens</c>. What it needs is looked up for each connection: it is registered before that is there.</summary>
internal sealed class TokensPalette(Func<ITokenManagement> tokens) : CommandPaletteHandler(TokensCommands.Palette)
{
    /// <inheritdoc />
    public override Props HandlerProps
    {
        get
        {
            var management = tokens();
            return Props.Create(() => new TokensHandler(management));
        }
    }
}
