using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;
using TokenManager.Bench.Peers;
using TokenManager.Bench.Reporting;
using TokenManager.Testing;

namespace TokenManager.Bench.Activations;

/// <summary>The peers' SQL from pgbench, over TCP, prepared, without HTTP or .NET: what the database does at most.</summary>
internal sealed partial class PgBenchContender : Contender, IAsyncDisposable
{
    private const string Transaction = "transaction";
    private const int Threads = 2;
    private const int LeastSeconds = 2;

    // More than any of it lends in a turn.
    private const int Pool = 200_000;

    private readonly string _program;
    private readonly string _script;
    private readonly NpgsqlConnectionStringBuilder _database;
    private readonly NpgsqlDataSource _source;

    private PgBenchContender(string kind, string program, string script, string connectionString)
        : base($"pgbench, {kind}")
    {
        _program = program;
        _script = script;
        _database = new NpgsqlConnectionStringBuilder(connectionString);
        _source = NpgsqlDataSource.Create(connectionString + ";Command Timeout=0");
    }

    /// <summary>Both scripts, each on a database of its own; none where there is no pgbench.</summary>
    public static async Task<IReadOnlyList<PgBenchContender>> StartAsync(Stage stage, TemporaryFolder folder)
    {
        var server = await stage.ServerAsync();
        // A distribution may put links to some of the programs elsewhere.
        var initdb = new FileInfo(Path.Combine(server.BinaryFolder, "initdb"));
        var folderOfAll = Path.GetDirectoryName((initdb.ResolveLinkTarget(returnFinalTarget: true) ?? initdb).FullName)!;
        var program = Path.Combine(folderOfAll, "pgbench");
        if (!File.Exists(program)) return [];

        var contenders = new List<PgBenchContender>();
        foreach (var (kind, script) in new[] { (Transaction, TransactionScript()), ("statement", StatementScript()) })
        {
            var file = folder.File($"{kind}.sql");
            await File.WriteAllTextAsync(file, script, stage.Stop);
            var contender = stage.Keep(new PgBenchContender(kind, program, file, await server.CreateDatabaseAsync()));
            await SqlTables.CreateAsync(contender._source, Pool);
            contenders.Add(contender);
        }

        return contenders;
    }

    public override async Task<Turn> TakeTurnAsync(Stage stage, int callers)
    {
        await using (var clear = _source.CreateCommand(SqlTables.Clear)) await clear.ExecuteNonQueryAsync(stage.Stop);
        await stage.CheckpointAsync();
        var output = await Shell.ReadAsync(
            _program,
            "-n", "-M", "prepared", "-f", _script, "-P", "1",
            "-h", _database.Host!, "-p", Invariant($"{_database.Port}"), "-U", _database.Username!,
            "-c", Invariant($"{callers}"), "-j", Invariant($"{Math.Min(callers, Threads)}"),
            "-T", Invariant($"{Math.Max(LeastSeconds, Math.Ceiling(2 * stage.Extent.Turn.TotalSeconds))}"),
            _database.Database!);
        var processed = Number(Processed().Match(output).Groups[1]);
        await using var count = _source.CreateCommand("select count(*) from token_usages where ended_at is null");
        if (await count.ExecuteScalarAsync(stage.Stop) is not long lent || lent != processed)
            throw new WrongAnswerException($"pgbench says something else than the ledger, which has a different number of grants: {output}");

        // In the first half each connection meets everything for the first time.
        var seconds = Second().Matches(output);
        var warm = seconds.Skip(seconds.Count / 2).ToList();
        return new Turn(
            Figure.MedianOf(warm.Select(second => Number(second.Groups[1]))),
            Figure.MedianOf(warm.Select(second => Number(second.Groups[2]))),
            P99: null);
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

    private static double Number(Group text) => double.Parse(text.Value, CultureInfo.InvariantCulture);

    [GeneratedRegex("actually processed: ([0-9]+)")]
    private static partial Regex Processed();

    [GeneratedRegex("progress: .* ([0-9.]+) tps, lat ([0-9.]+) ms")]
    private static partial Regex Second();
}
