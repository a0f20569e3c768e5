using Akka.Actor;
using Akka.Hosting;

namespace Petabridge.Cmd.Host;

// The public signatures of Petabridge.Cmd.Host 1.5.0 that src/Node/Pbm uses; see Common.cs. It listens nowhere.

public sealed class PetabridgeCmdOptions
{
    public string? Host { get; set; }

    public int? Port { get; set; }
}

public sealed class PetabridgeCmd : IExtension
{
    private readonly List<CommandPaletteHandler> _palettes = [];

    public IReadOnlyList<CommandPaletteHandler> Palettes => _palettes;

    public PetabridgeCmdOptions? Options { get; internal set; }

    public bool IsStarted { get; private set; }

    public static PetabridgeCmd Get(ActorSystem system)
    {
        ArgumentNullException.ThrowIfNull(system);
        return system.WithExtension<PetabridgeCmd, Provider>();
    }

    public bool RegisterCommandPalette(CommandPaletteHandler handler)
    {
        _palettes.Add(handler);
        return true;
    }

    public void Start() => IsStarted = true;

    private sealed class Provider : ExtensionIdProvider<PetabridgeCmd>
    {
        public override PetabridgeCmd CreateExtension(ExtendedActorSystem system) => new();
    }
}

public static class PetabridgeCmdHosting
{
    public static AkkaConfigurationBuilder AddPetabridgeCmd(
        this AkkaConfigurationBuilder builder, PetabridgeCmdOptions options, Action<PetabridgeCmd> hostConfiguration)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddStartup((system, _) =>
        {
            var pbm = PetabridgeCmd.Get(system);
            pbm.Options = options;
            hostConfiguration(pbm);
            pbm.Start();
        });
    }
}

public abstract class CommandPaletteHandler(CommandPalette palette)
{
    public CommandPalette Palette { get; } = palette;

    public abstract Props HandlerProps { get; }
}

/// <summary>The arguments of a command, by the names of their definitions.</summary>
public sealed class CommandArguments(CommandDefinition definition, Command command)
{
    public IEnumerable<string> ArgumentValues(string name) => command.Arguments
        .Where(argument => definition.ArgumentsByName[name].Switch.Contains(argument.Item1))
        .Select(argument => argument.Item2);
}

public abstract class CommandHandlerActor(CommandPalette palette) : UntypedActor
{
    private readonly Dictionary<string, Action<Command>> _processes = [];

    protected void Process(string commandName, Action<Command> process) => _processes.Add(commandName, process);

    protected void Process(string commandName, Action<Command, CommandArguments> process)
    {
        var definition = palette.Commands.Single(command => command.Name == commandName);
        _processes.Add(commandName, command => process(command, new CommandArguments(definition, command)));
    }

    protected override void OnReceive(object message)
    {
        if (message is Command command && _processes.TryGetValue(command.Name, out var process))
            process(command);
        else
            Unhandled(message);
    }
}
