using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace TokenManager.Testing;

/// <summary>
/// A PostgreSQL cluster of its own for tests: a fresh folder, loopback and a free port only. It can be stopped,
/// killed, frozen and started again. A guard process deletes everything when it is disposed or when the test process
/// ends, however it ends.
/// </summary>
public sealed class PrivatePostgres : IAsyncDisposable
{
    private const int StartAttempts = 5;
    private static readonly TimeSpan StartsAgainWithin = TimeSpan.FromSeconds(30);

    // The guard waits for the end of its input, which is the end of this process at the latest. SIGKILL also ends
    // processes that are stopped by SIGSTOP. A file left by a killed server names a process that may be anybody's now.
    private const string GuardScript =
        """
        trap '' INT TERM HUP
        cat > /dev/null
        pid=$(head -n 1 "$1/data/postmaster.pid" 2> /dev/null)
        if [ -n "$pid" ] && grep -q -F "$1/data" "/proc/$pid/cmdline" 2> /dev/null; then
            kill -STOP "$pid"
            kill -9 $(cat "/proc/$pid/task/$pid/children") "$pid"
        fi
        rm -rf "$1" || { sleep 1; rm -rf "$1"; }
        """;

    private const int FirstWithStrategies = 15;

    private static readonly Lazy<Task<PrivatePostgres>> SharedInstance = new(() => StartAsync(durable: false));

    private readonly string _binaries;
    private readonly string _folder;
    private readonly Process _guard;
    private readonly string _options;
    private int _port;
    private int _databases;

    private PrivatePostgres(string binaries, string folder, Process guard, string options)
    {
        _binaries = binaries;
        _folder = folder;
        _guard = guard;
        _options = options;
    }

    /// <summary>
    /// One cluster for the whole test process, without fsync. For tests that need a database and leave the server
    /// alone. Nobody disposes it.
    /// </summary>
    public static Task<PrivatePostgres> SharedAsync() => SharedInstance.Value;

    /// <summary>Makes and starts a cluster.</summary>
    /// <param name="durable">Whether to fsync, as production does.</param>
    /// <param name="libraries">What the server loads at its start, such as pg_stat_statements.</param>
    /// <param name="address">One more address of this machine to listen on. Whoever comes from its network (/24) is trusted.</param>
    /// <param name="maxConnections">How many may be connected at once.</param>
    public static async Task<PrivatePostgres> StartAsync(bool durable = true, string libraries = "", string? address = null, int maxConnections = 300)
    {
        var binaries = FindBinaries();
        var folder = Path.Combine(Path.GetTempPath(), $"token-manager-postgres-{Guid.NewGuid():n}");
        await RunAsync("mkdir", "-m", "700", folder);

        var guard = Process.Start(CreateStartInfo("sh", ["-c", GuardScript, "guard", folder]))
            ?? throw new InvalidOperationException("No guard process was started.");
        var options = $"-c listen_addresses=127.0.0.1{(address is null ? "" : "," + address)} -c max_connections={maxConnections} -c shared_preload_libraries={libraries}"
            // Each test has a database of its own, and nobody needs what it deleted to be cleaned up.
            + (durable ? "" : " -c fsync=off -c full_page_writes=off -c autovacuum=off");
        var postgres = new PrivatePostgres(binaries, folder, guard, options);
        try
        {
            await RunAsync(
                Path.Combine(binaries, "initdb"),
                "-D", postgres.DataFolder, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                "--no-sync");
            if (address is not null)
                await File.AppendAllTextAsync(Path.Combine(postgres.DataFolder, "pg_hba.conf"), $"host all all {address}/24 trust\n");
            await postgres.StartOnFreePortAsync();
            return postgres;
        }
        catch
        {
            await postgres.DisposeAsync();
            throw;
        }
    }

    /// <summary>The folder with the server's Unix socket, which network namespaces do not hide. Only for root.</summary>
    public string SocketFolder => _folder;

    /// <summary>Where the server's programs are.</summary>
    public string BinaryFolder => _binaries;

    private string DataFolder => Path.Combine(_folder, "data");

    /// <summary>Makes an empty database with a name of its own.</summary>
    /// <returns>Its connection string.</returns>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = $"test_{Interlocked.Increment(ref _databases)}";
        await using var connection = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=false");
        await connection.OpenAsync();
        // Copying the template's files costs a third of what it costs to log every page of them, which newer servers do otherwise.
        var strategy = connection.PostgreSqlVersion.Major >= FirstWithStrategies ? " strategy file_copy" : "";
        await using var command = new NpgsqlCommand($"create database {name}{strategy}", connection);
        await command.ExecuteNonQueryAsync();
        return ConnectionString(name);
    }

    /// <summary>The connection string of a database.</summary>
    public string ConnectionString(string database) =>
        $"Host=127.0.0.1;Port={_port};Username=postgres;Database={database}";

    /// <summary>Shuts down in order; clients are disconnected.</summary>
    public Task StopAsync() =>
        RunAsync(Path.Combine(_binaries, "pg_ctl"), "stop", "-D", DataFolder, "-m", "fast", "-w");

    /// <summary>Starts a stopped or killed cluster on the same port.</summary>
    public Task StartAgainAsync() => Eventually.Async(
        async () =>
        {
            // Refused while the killed server's process is still listed, ended and not yet waited for by its parent.
            await StartServerAsync();
            return true;
        },
        StartsAgainWithin,
        expression: "the server starts again");

    /// <summary>Whether somebody can connect.</summary>
    public async Task<bool> AnswersAsync()
    {
        try
        {
            await using var connection = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=false;Timeout=3");
            await connection.OpenAsync();
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    /// <summary>Ends every process of the cluster at once, as a power cut would.</summary>
    public async Task KillAsync()
    {
        var processes = await PauseAsync();
        await SignalAsync("KILL", processes);
        while (processes.Any(process => Directory.Exists($"/proc/{process}") && !IsZombie(process)))
            await Task.Delay(10);
    }

    /// <summary>Freezes every process of the cluster: connections stay open and nobody answers.</summary>
    /// <returns>The processes' ids.</returns>
    public async Task<IReadOnlyList<int>> PauseAsync()
    {
        // The postmaster first, so that it starts no more children.
        var postmaster = ReadPostmaster();
        await SignalAsync("STOP", [postmaster]);
        IReadOnlyList<int> children = ReadChildren(postmaster);
        await SignalAsync("STOP", children);
        return [postmaster, .. children];
    }

    /// <summary>Lets a frozen cluster go on.</summary>
    public async Task ContinueAsync()
    {
        var postmaster = ReadPostmaster();
        await SignalAsync("CONT", [.. ReadChildren(postmaster), postmaster]);
    }

    /// <summary>Ends the cluster and deletes its folder.</summary>
    public async ValueTask DisposeAsync()
    {
        _guard.StandardInput.Close();
        await _guard.WaitForExitAsync();
        _guard.Dispose();
    }

    private static string FindBinaries()
    {
        var onPath = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        var ofDebian = Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql")
                .OrderByDescending(folder =>
                    int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var version) ? version : 0)
                .Select(folder => Path.Combine(folder, "bin"))
            : [];
        return onPath.Concat(ofDebian).FirstOrDefault(folder =>
                folder.Length > 0
                && File.Exists(Path.Combine(folder, "initdb"))
                && File.Exists(Path.Combine(folder, "pg_ctl")))
            ?? throw new InvalidOperationException(
                "These tests need PostgreSQL's initdb and pg_ctl: install the server (Debian: apt-get install postgresql).");
    }

    private async Task StartOnFreePortAsync()
    {
        for (var attempt = 1; ; attempt++)
        {
            _port = FindFreePort();
            try
            {
                await StartServerAsync();
                return;
            }
            catch (InvalidOperationException) when (attempt < StartAttempts)
            {
                // Somebody else took the port between looking and binding.
            }
        }
    }

    private static int FindFreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private Task StartServerAsync() => RunAsync(
        Path.Combine(_binaries, "pg_ctl"),
        "start", "-D", DataFolder, "-w", "-l", Path.Combine(_folder, "log"),
        "-o", $"-p {_port} -k {_folder} {_options}");

    private int ReadPostmaster() => int.Parse(
        File.ReadLines(Path.Combine(DataFolder, "postmaster.pid")).First(), CultureInfo.InvariantCulture);

    private static int[] ReadChildren(int process) =>
    [
        .. File.ReadAllText($"/proc/{process}/task/{process}/children")
            .Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(child => int.Parse(child, CultureInfo.InvariantCulture)),
    ];

    private static bool IsZombie(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/stat").Contains(") Z ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return true;
        }
    }

    // A child may end by itself between being listed and being signalled.
    private static Task SignalAsync(string signal, IReadOnlyList<int> processes) =>
        processes.Count == 0
            ? Task.CompletedTask
            : RunAsync("sh", "-c", $"kill -{signal} {string.Join(' ', processes)} || true");

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(CreateStartInfo(program, arguments))
            ?? throw new InvalidOperationException($"{program} was not started.");
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} failed: {await output} {await error}");
    }

    // The server refuses to run as root.
    private static ProcessStartInfo CreateStartInfo(string program, IEnumerable<string> arguments)
    {
        var root = Environment.IsPrivilegedProcess;
        return new ProcessStartInfo(
            root ? "runuser" : program,
            root ? ["-u", "postgres", "--", program, .. arguments] : arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
    }
}
