using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;
using TokenManager.Bench.Peers;
using TokenManager.Testing;

namespace TokenManager.Bench.Activations;

/// <summary>The peers' SQL from pgbench, over TCP, prepared, without HTTP or .NET: what the database does at most.</summary>
internal sealed partial class PgBenchContender : Contender, IAsyncDisposable
{
    private const string Transaction = "transaction";
    private const int Threads = 2;

    // Of a pool that is large enough for the turn; more would only make it longer.
    private const int MaxCallsOfOne = 2000;

    private readonly string _program;
    private readonly string _script;
    private readonly int _pool;
    private readonly NpgsqlConnectionStringBuilder _database;
    private readonly NpgsqlDataSource _source;

    private PgBenchContender(string kind, string program, string script, string connectionString, int pool)
        : base($"pgbench, {kind}")
    {
        _program = program;
        _script = script;
        _pool = pool;
        _database = new NpgsqlConnectionStringBuilder(connectionString);
        _source = NpgsqlDataSource.Create(connectionString + ";Command Timeout=0");
    }

    /// <summary>Both scripts, each on a database of its own; none where there is no pgbench.</summary>
    public static async Task<IReadOnlyList<PgBenchContender>> StartAsync(Stage stage, TemporaryFolder folder)
    {
        var server = await stage.ServerAsync();
        var program = Path.Combine(server.BinaryFolder, "pgbench");
        if (!File.Exists(program)) return [];

        var contenders = new List<PgBenchContender>();
        foreach (var (kind, script) in new[] { (Transaction, TransactionScript()), ("statement", StatementScript()) })
        {
            var file = folder.File($"{kind}.sql");
            await File.WriteAllTextAsync(file, script, stage.Stop);
            var contender = stage.Keep(new PgBenchContender(
                kind, program, file, await server.CreateDatabaseAsync(), stage.Extent.LargePool));
            await SqlTables.CreateAsync(contender._source, stage.Extent.LargePool);
            contenders.Add(contender);
        }

        return contenders;
    }

    public override async Task<Turn> TakeTurnAsync(Stage stage, int callers)
    {
        await using (var clear = _source.CreateCommand(SqlTables.Clear)) await clear.ExecuteNonQueryAsync(stage.Stop);
        await stage.CheckpointAsync();
        var calls = Math.Min(_pool / callers, MaxCallsOfOne);
        var output = await Shell.ReadAsync(
            _program,
            "-n", "-M", "prepared", "-f", _script,
            "-h", _database.Host!, "-p", Invariant($"{_database.Port}"), "-U", _database.Username!,
            "-c", Invariant($"{callers}"), "-j", Invariant($"{Math.Min(callers, Threads)}"), "-t", Invariant($"{calls}"),
            _database.Database!);
        if (Number(Processed(), output) != calls * callers)
            throw new WrongAnswerException($"pgbench did not do all of its {calls * callers} activations: {output}");
        return new Turn(Number(PerSecond(), output), Number(Latency(), output), P99: null);
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    private static string TransactionScript() =>
        $"""
        begin;
        {SqlTables.Pick} \gset
        {Fill(SqlTables.Take, ":id", ":next")};
        {Fill(SqlTables.Insert, "gen_random_uuid()", ":id", "gen_random_uuid()", ":next", Lease)};
        commit;

        """;

    private static string StatementScript() =>
        $"""
        {Fill(SqlTables.PickTakeInsert, "gen_random_uuid()", "gen_random_uuid()", Lease)};

        """;

    private static string Lease => Invariant($"interval '{SqlTables.Lease.TotalSeconds} seconds'");

    private static string Fill(string sql, params string[] values)
    {
        for (var i = 0; i < values.Length; i++) sql = sql.Replace(Invariant($"${i + 1}"), values[i], StringComparison.Ordinal);
        return sql;
    }

    private static double Number(Regex pattern, string output) => pattern.Match(output) is { Success: true } match
        ? double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
        : throw new InvalidOperationException($"pgbench says nothing of {pattern}: {output}");

    [GeneratedRegex("actually processed: ([0-9]+)")]
    private static partial Regex Processed();

    [GeneratedRegex("tps = ([0-9.]+) \\(without")]
    private static partial Regex PerSecond();

    [GeneratedRegex("latency average = ([0-9.]+) ms")]
    private static partial Regex Latency();
}
