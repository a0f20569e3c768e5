using System.CommandLine;
using Npgsql;

namespace TokenManager.Bench.Peers;

/// <summary>The hidden command that this executable starts itself with.</summary>
internal static class PeerCommand
{
    public const string Name = "peer";

    public static Command Create()
    {
        var answers = new Option<string>("--answers") { Required = true };
        var connection = new Option<string>("--connection") { Required = true };
        var tokens = new Option<int>("--tokens") { Required = true };
        return new Command(Name, "What the node is compared with")
        {
            Peer("floor", parsed => FloorPeer.RunAsync(parsed.GetRequiredValue(answers)), answers),
            Sql("transaction", source => new TransactionStore(source)),
            Sql("statement", source => new StatementStore(source)),
            Store("redis", RedisStore.OpenAsync),
        };

        Command Sql(string name, Func<NpgsqlDataSource, IActivationStore> open) =>
            Store(name, (database, count) => SqlTables.OpenAsync(database, count, open));

        Command Store(string name, Func<string, int, Task<IActivationStore>> open) => Peer(
            name,
            async parsed => await ActivationPeer.RunAsync(
                await open(parsed.GetRequiredValue(connection), parsed.GetRequiredValue(tokens))),
            connection,
            tokens);
    }

    private static Command Peer(string name, Func<ParseResult, Task> run, params Option[] options)
    {
        var command = new Command(name);
        foreach (var option in options) command.Add(option);
        command.SetAction((parsed, _) => run(parsed));
        return command;
    }
}
