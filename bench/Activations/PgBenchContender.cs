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
    private const int LeastToHalve = 4;

    // More than any of it lends in a turn.
    private const int Pool = 500_000;

    // Its time includes that.
    private static readonly TimeSpan ConnectsWithin = TimeSpan.FromMilliseconds(40);

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
        await stage.TidyAsync(_source.ConnectionString);
        var output = await Shell.ReadAsync(
            _program,
            "-n", "-M", "prepared", "-f", _script, "-P", "1",
            "-h", _database.Host!, "-p", Invariant($"{_database.Port}"), "-U", _database.Username!,
            "-c", Invariant($"{callers}"), "-j", Invariant($"{Math.Min(callers, Threads)}"),
            "-T", Invariant($"{Math.Ceiling((2 * stage.Extent.Turn + callers * ConnectsWithin).TotalSeconds)}"),
            _database.Database!);
        var processed = Number(Processed().Match(output).Groups[1]);
        await using var count = _source.CreateCommand("select count(*) from token_usages where ended_at is null");
        if (processed == 0 || await count.ExecuteScalarAsync(stage.Stop) is not long lent || lent != processed)
            throw new WrongAnswerException($"pgbench did nothing, or something else than it says: {output}");

        var seconds = Second().Matches(output);
        if (seconds.Count < LeastToHalve) return Turn(Whole().Match(output));

        // In the first half each connection meets everything for the first time.
        Turn[] warm = [.. seconds.Skip(seconds.Count / 2).Select(Turn)];
        return new Turn(
            Figure.MedianOf(warm.Select(second => second.PerSecond)), Figure.MedianOf(warm.Select(second => second.Median)), P99: null);
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

    private static Turn Turn(Match match) => new(Number(match.Groups["tps"]), Number(match.Groups["ms"]), P99: null);

    private static double Number(Group text) => double.Parse(text.Value, CultureInfo.InvariantCulture);

    [GeneratedRegex("actually processed: ([0-9]+)")]
    private static partial Regex Processed();

    [GeneratedRegex("progress: .* (?<tps>[0-9.]+) tps, lat (?<ms>[0-9.]+) ms")]
    private static partial Regex Second();

    [GeneratedRegex("latency average = (?<ms>[0-9.]+) ms.*tps = (?<tps>[0-9.]+)", RegexOptions.Singleline)]
    private static partial Regex Whole();
}
