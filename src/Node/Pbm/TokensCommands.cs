using Petabridge.Cmd;

namespace TokenManager.Node.Pbm;

/// <summary>What an operator can type after <c>tokens</c>.</summary>
internal static class TokensCommands
{
    public const string IdArgument = "id";

    public static readonly CommandDefinition Status = new CommandDefinitionBuilder()
        .WithName("status")
        .WithDescription("Shows the pool in figures.")
        .Build();

    public static readonly CommandDefinition Show = new CommandDefinitionBuilder()
        .WithName("show")
        .WithDescription("Shows one token.")
        .WithArgument(argument => argument
            .WithName(IdArgument)
            .WithDescription("The token's id.")
            .WithSwitch("-i")
            .IsMandatory(true)
            .AllowMultiple(false))
        .Build();

    public static readonly CommandDefinition Clear = new CommandDefinitionBuilder()
        .WithName("clear")
        .WithDescription("Ends every running usage.")
        .Build();

    public static readonly CommandPalette Palette = new("tokens", [Status, Show, Clear]);
}
