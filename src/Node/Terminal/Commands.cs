using System.CommandLine;
using System.CommandLine.Invocation;
using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace TokenManager.Node.Terminal;

/// <summary>The commands of the node's executable: each asks a running node over HTTP, and starts nothing itself.</summary>
internal static class Commands
{
    private static readonly Option<bool> Json = new("--json")
    {
        Description = "Print the node's answer as JSON",
        Recursive = true,
    };

    private static readonly Option<Uri> Url = new("--url")
    {
        Description = "Where the node's management API listens; the environment's TokenManager__Management__Url if it is set",
        HelpName = "url",
        Recursive = true,
        CustomParser = result =>
        {
            var text = result.Tokens[^1].Value;
            if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttp) return url;
            result.AddError($"--url is \"{OneLine.Of(text)}\"; allowed is an http address such as {ConfigurationKeys.ManagementUrl.Default}.");
            return null;
        },
        DefaultValueFactory = _ => DefaultUrl(new ConfigurationBuilder().AddEnvironmentVariables().Build()),
    };

    /// <summary>Runs one command; its exit code.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, TextWriter output, TextWriter errors)
    {
        var parsed = Root(output, errors).Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        // One line for each error is enough, and nothing of it on standard output.
        if (parsed.Action is ParseErrorAction wrong) (wrong.ShowHelp, wrong.ShowTypoCorrections) = (false, false);
        var exitCode = await parsed.InvokeAsync(new InvocationConfiguration { Output = output, Error = errors });
        if (parsed.Action is not ParseErrorAction) return exitCode;

        errors.WriteLine("Nothing was done; --help names the commands.");
        return ExitCode.Usage;
    }

    /// <summary>Where a node with this configuration can be reached from its own machine.</summary>
    public static Uri DefaultUrl(IConfiguration configuration)
    {
        var text = configuration[ConfigurationKeys.ManagementUrl.Name] is { Length: > 0 } configured
            ? configured
            : ConfigurationKeys.ManagementUrl.Default;
        var url = Uri.TryCreate(text, UriKind.Absolute, out var given) ? given : new Uri(ConfigurationKeys.ManagementUrl.Default);
        // It listens on every address; this is one of them.
        return url.Host is "0.0.0.0" or "[::]" ? new UriBuilder(url) { Host = "127.0.0.1" }.Uri : url;
    }

    private static RootCommand Root(TextWriter output, TextWriter errors)
    {
        var address = new Argument<string>("address")
        {
            Description = "The member's address, in full or as host:port: see cluster show",
        };
        var token = new Argument<Guid>("id")
        {
            Description = "The token's id",
            CustomParser = result =>
            {
                var text = result.Tokens[^1].Value;
                if (Guid.TryParseExact(text, "D", out var id)) return id;
                result.AddError($"The id is \"{OneLine.Of(text)}\"; allowed is a UUID, such as those in the list at /api/tokens.");
                return Guid.Empty;
            },
        };

        return new RootCommand(
            "A node of Token Manager. Without a command it starts and serves; its configuration may be given as "
            + "--TokenManager:Pool:Size=5. A command asks a running node.")
        {
            Json,
            Url,
            new Command("cluster", "Look at the cluster, and take members out of it")
            {
                Command("show", "List the members", Tables.Members, (node, _, stop) => node.ReadMembersAsync(stop)),
                Command(
                    "leave",
                    "Let a member leave in order: its tokens move first",
                    Tables.Message,
                    (node, parsed, stop) => node.ChangeMemberAsync(parsed.GetRequiredValue(address), "leave", stop),
                    address),
                Command(
                    "down",
                    "Take a member for dead, one that does not answer and will not come back",
                    Tables.Message,
                    (node, parsed, stop) => node.ChangeMemberAsync(parsed.GetRequiredValue(address), "down", stop),
                    address),
            },
            new Command("tokens", "Look at the pool, and clear it")
            {
                Command("status", "Show the pool in figures", Tables.Pool, (node, _, stop) => node.ReadPoolAsync(stop)),
                Command(
                    "show",
                    "Show one token",
                    Tables.Token,
                    (node, parsed, stop) => node.ReadTokenAsync(parsed.GetRequiredValue(token), stop),
                    token),
                Command("clear", "End every running usage", Tables.Cleared, (node, _, stop) => node.ClearAsync(stop)),
            },
        };

        Command Command(
            string name,
            string description,
            Action<byte[], TextWriter> write,
            Func<ManagementClient, ParseResult, CancellationToken, Task<ManagementReply>> ask,
            params Argument[] arguments)
        {
            var command = new Command(name, description);
            foreach (var argument in arguments) command.Add(argument);
            command.SetAction(async (parsed, stop) =>
            {
                using var node = new ManagementClient(parsed.GetRequiredValue(Url));
                return Tell(await ask(node, parsed, stop), parsed.GetValue(Json) ? WriteJson : write, output, errors);
            });
            return command;
        }
    }

    private static int Tell(ManagementReply reply, Action<byte[], TextWriter> write, TextWriter output, TextWriter errors)
    {
        switch (reply)
        {
            case ManagementReply.Answered answered:
                try
                {
                    write(answered.Body, output);
                    return ExitCode.Done;
                }
                catch (JsonException)
                {
                    errors.WriteLine("The node's answer is not one that this version understands; --json prints it as it is.");
                    return ExitCode.Unreached;
                }

            case ManagementReply.Refused refused:
                errors.WriteLine(refused.Detail);
                return ExitCode.Refused;

            case ManagementReply.Unreached unreached:
                errors.WriteLine(unreached.Reason);
                return ExitCode.Unreached;

            default:
                throw new UnreachableException();
        }
    }

    private static void WriteJson(byte[] body, TextWriter output) => output.WriteLine(Encoding.UTF8.GetString(body));
}
