namespace Petabridge.Cmd;

// The public signatures of Petabridge.Cmd.Common 1.5.0 that src/Node/Pbm uses, restated, so that it is compiled and
// tested where the package cannot be restored. What the package does beyond them is not here.

public sealed class ArgumentDefinition(string name, string description, IReadOnlyList<string> switches, bool isMandatory, bool allowsMultiple)
{
    public string Name { get; } = name;

    public string Description { get; } = description;

    public IReadOnlyList<string> Switch { get; } = switches;

    public bool IsMandatory { get; } = isMandatory;

    public bool AllowsMultiple { get; } = allowsMultiple;
}

public sealed class ArgumentDefinitionBuilder
{
    private readonly List<string> _switches = [];
    private string _name = "";
    private string _description = "";
    private bool _isMandatory;
    private bool _allowsMultiple;

    public ArgumentDefinitionBuilder WithName(string name)
    {
        _name = name;
        return this;
    }

    public ArgumentDefinitionBuilder WithDescription(string description)
    {
        _description = description;
        return this;
    }

    public ArgumentDefinitionBuilder WithSwitch(string name)
    {
        _switches.Add(name);
        return this;
    }

    public ArgumentDefinitionBuilder IsMandatory(bool isMandatory)
    {
        _isMandatory = isMandatory;
        return this;
    }

    public ArgumentDefinitionBuilder AllowMultiple(bool allowMultiple)
    {
        _allowsMultiple = allowMultiple;
        return this;
    }

    public ArgumentDefinition Build() => new(_name, _description, _switches, _isMandatory, _allowsMultiple);
}

public sealed class CommandDefinition(string name, string description, IReadOnlyList<ArgumentDefinition> arguments)
{
    public string Name { get; } = name;

    public string Description { get; } = description;

    public IReadOnlyDictionary<string, ArgumentDefinition> ArgumentsByName { get; } =
        arguments.ToDictionary(argument => argument.Name);
}

public sealed class CommandDefinitionBuilder
{
    private readonly List<ArgumentDefinition> _arguments = [];
    private string _name = "";
    private string _description = "";

    public CommandDefinitionBuilder WithName(string name)
    {
        _name = name;
        return this;
    }

    public CommandDefinitionBuilder WithDescription(string description)
    {
        _description = description;
        return this;
    }

    public CommandDefinitionBuilder WithArgument(Func<ArgumentDefinitionBuilder, ArgumentDefinitionBuilder> argument)
    {
        ArgumentNullException.ThrowIfNull(argument);
        _arguments.Add(argument(new ArgumentDefinitionBuilder()).Build());
        return this;
    }

    public CommandDefinition Build() => new(_name, _description, _arguments);
}

public class CommandPalette(string moduleName, CommandDefinition[] commands)
{
    public string ModuleName { get; } = moduleName;

    public IReadOnlyList<CommandDefinition> Commands { get; } = commands;
}

public sealed class Command(string palette, string name, Tuple<string, string>[] arguments)
{
    public string Palette { get; } = palette;

    public string Name { get; } = name;

    public IReadOnlyList<Tuple<string, string>> Arguments { get; } = arguments;
}

public class CommandResponse(string output, bool final = true)
{
    public static CommandResponse Empty { get; } = new("");

    public string Output { get; } = output;

    public bool Final { get; } = final;
}

public class ErroredCommandResponse(string output) : CommandResponse(output);
