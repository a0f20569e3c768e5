using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace TokenManager.Testing;

/// <summary>
/// The built node as a process of its own: started, killed, paused and stopped as an operating system does it. Ends
/// with the object, and only ever touches processes that it started. For Linux and macOS.
/// </summary>
public sealed partial class NodeProcess : IAsyncDisposable
{
    /// <summary>
    /// How the runtime of the harness's nodes, of which several start at once on few processors and none lives long, is told
    /// apart from a user's: it does not map compiled code twice, once to write and once to run, which on some virtual machines
    /// takes as long as the compilation; it neither counts what would make code better in a longer life nor compiles it again
    /// for that; and it collects garbage without a thread of its own. tests/test.runsettings tells the tests' hosts the same,
    /// but for the threshold.
    /// </summary>
    public static IReadOnlyDictionary<string, string> RuntimeSettings { get; } = new Dictionary<string, string>
    {
        ["DOTNET_EnableWriteXorExecute"] = "0",
        ["DOTNET_TieredPGO"] = "0",
        ["DOTNET_TC_CallCountThreshold"] = "7FFF",
        ["DOTNET_gcConcurrent"] = "0",
    };

    private static readonly TimeSpan DefaultDeadline = TimeSpan.FromSeconds(30);
    private static readonly string[] OwnPrefixes =
        ["ASPNETCORE_", "DOTNET_ENVIRONMENT", "URLS", "HTTP_PORTS", "HTTPS_PORTS", "TokenManager__", "ConnectionStrings__", "Logging__"];

    private NodeSettings _settings;
    private readonly string? _ownDirectory;
    private readonly int _clusterPort = FreePorts.Next();
    private Run _run;
    private Uri? _baseAddress;
    private HttpClient? _client;

    private NodeProcess(NodeSettings settings)
    {
        _settings = settings;
        _ownDirectory = settings.WorkingDirectory is null ? Directory.CreateTempSubdirectory("token-manager-").FullName : null;
        _run = Begin();
    }

    /// <summary>What the present run wrote to standard output so far, line by line.</summary>
    public IReadOnlyList<string> Output => [.. _run.Output];

    /// <summary>What the present run wrote to standard error so far, line by line.</summary>
    public IReadOnlyList<string> Errors => [.. _run.Errors];

    /// <summary>Whether the present run's process has ended.</summary>
    public bool HasExited => _run.Process.HasExited;

    /// <summary>The exit code of the present run, which has ended.</summary>
    public int ExitCode => _run.Process.ExitCode;

    /// <summary>The process id of the present run's node.</summary>
    public int ProcessId => NodeProcessId();

    /// <summary>The resident memory of the present run in bytes. Linux only.</summary>
    public long ResidentMemory => File.ReadLines($"/proc/{NodeProcessId()}/status")
        .Where(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
        .Select(line => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024)
        .Single();

    /// <summary>The folder that the node runs in.</summary>
    public string WorkingDirectory => _settings.WorkingDirectory ?? _ownDirectory!;

    /// <summary>Where the node listens. Known once it was ready, or at once when <c>urls</c> names a port.</summary>
    public Uri BaseAddress => _baseAddress ?? throw new InvalidOperationException("The node has not been ready yet.");

    /// <summary>Where the present run's management API listens. Known once it was ready; the harness's default is off.</summary>
    public Uri ManagementAddress =>
        _run.Output.Select(line => StartLineManagement().Match(line)).FirstOrDefault(match => match.Success) is { } match
            ? new Uri(match.Groups[1].Value)
            : throw new InvalidOperationException("The node has no management API, or has not been ready yet.");

    /// <summary>A client for <see cref="BaseAddress"/>; kept over restarts.</summary>
    public HttpClient Client => _client ??= new HttpClient { BaseAddress = BaseAddress, Timeout = TimeSpan.FromSeconds(30) };

    /// <summary>Where the node's actor system listens.</summary>
    public int ClusterPort => _settings.Configuration.TryGetValue("TokenManager:Cluster:Port", out var port)
        ? int.Parse(port, CultureInfo.InvariantCulture)
        : _clusterPort;

    /// <summary>Starts a node and waits until it is ready.</summary>
    public static async Task<NodeProcess> StartAsync(NodeSettings? settings = null, TimeSpan? within = null)
    {
        var node = Launch(settings);
        try
        {
            await node.WaitReadyAsync(within);
            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a node and waits for nothing.</summary>
    public static NodeProcess Launch(NodeSettings? settings = null) => new(settings ?? new NodeSettings());

    /// <summary>Waits until <c>/health/ready</c> answers 200.</summary>
    /// <exception cref="NodeEndedException">The node ended instead.</exception>
    /// <exception cref="TimeoutException">It took longer; the message holds the node's last lines.</exception>
    public async Task WaitReadyAsync(TimeSpan? within = null)
    {
        await Eventually.Async(
            () =>
            {
                ThrowIfEnded();
                _baseAddress ??= AddressFromStartLine();
                return _baseAddress is not null;
            },
            within ?? DefaultDeadline,
            Tail,
            "the node says where it listens");
        await Eventually.Async(
            async () =>
            {
                ThrowIfEnded();
                using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(2));
                using var answer = await Client.GetAsync(new Uri("/health/ready", UriKind.Relative), timeout.Token);
                return answer.StatusCode == HttpStatusCode.OK;
            },
            within ?? DefaultDeadline,
            Tail,
            "the node is ready");
    }

    /// <summary>Waits until the process ends by itself and its output is read to the end; its exit code.</summary>
    public async Task<int> WaitForExitAsync(TimeSpan? within = null)
    {
        using var timeout = new CancellationTokenSource(within ?? DefaultDeadline);
        try
        {
            await _run.Process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"The node did not end in time.\n{Tail()}");
        }

        return _run.Process.ExitCode;
    }

    /// <summary>Ends the node as a power failure would (SIGKILL).</summary>
    public async Task KillAsync()
    {
        // A wrapper would outlive its child, or the child its wrapper: both go.
        if (!HasExited) _run.Process.Kill(entireProcessTree: true);
        await WaitForExitAsync();
    }

    /// <summary>Asks the node to end (SIGTERM), and waits for nothing.</summary>
    public void Terminate() => Send(Signal.Terminate);

    /// <summary>Asks the node to end (SIGTERM) and waits for it; its exit code.</summary>
    public Task<int> TerminateAsync(TimeSpan? within = null)
    {
        Terminate();
        return WaitForExitAsync(within);
    }

    /// <summary>Stops the node's clockwork (SIGSTOP): it keeps its sockets and knows nothing of the gap.</summary>
    public async Task PauseAsync()
    {
        Send(Signal.Stop);
        await AwaitPausedAsync(true);
    }

    /// <summary>Lets a paused node go on (SIGCONT).</summary>
    public async Task ContinueAsync()
    {
        Send(Signal.Continue);
        await AwaitPausedAsync(false);
    }

    /// <summary>Stops the node if it runs, starts it again with the same settings, address and data, and waits until ready.</summary>
    public async Task RestartAsync(TimeSpan? within = null)
    {
        if (!HasExited) await TerminateAsync(within);
        Relaunch();
        await WaitReadyAsync(within);
    }

    /// <summary>Starts a node that has ended again, like <see cref="RestartAsync"/>, and waits for nothing.</summary>
    /// <param name="settings">Settings that replace the present ones, such as another build's assembly; its address stays.</param>
    public void Relaunch(NodeSettings? settings = null)
    {
        if (!HasExited) throw new InvalidOperationException("The node is still running.");
        _settings = settings ?? _settings;
        _run.Process.Dispose();
        _run = Begin();
    }

    /// <summary>The node's last lines, for a failure's message.</summary>
    public string Tail() => string.Join(
        '\n',
        ["--- the node's output", .. _run.Output.TakeLast(40), "--- the node's errors", .. _run.Errors.TakeLast(40)]);

    /// <summary>Ends the node, however it is, and deletes the folder that was made for it.</summary>
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _run.Process.Dispose();
        _client?.Dispose();
        if (_ownDirectory is not null) Directory.Delete(_ownDirectory, recursive: true);
    }

    /// <summary>The node's assembly as the build leaves it, in the configuration of the running program.</summary>
    public static string BuiltAssembly
    {
        get
        {
            var (root, output) = Folders();
            return Existing(Path.Combine(
                root.FullName, "src", "Node", "bin", output.Parent!.Name, output.Name, "TokenManager.Node.dll"));
        }
    }

    // With its packages compiled ahead: see docs/adr/0038-the-tests-nodes-are-compiled-ahead.md.
    private static string CompiledAssembly
    {
        get
        {
            var (root, output) = Folders();
            return Existing(Path.Combine(
                root.FullName, "tests", "Testing", "bin", output.Parent!.Name, "node", "TokenManager.Node.dll"));
        }
    }

    private static (DirectoryInfo Root, DirectoryInfo Output) Folders()
    {
        // …/tests/<Project>/bin/<Configuration>/net10.0/
        var output = new DirectoryInfo(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        var root = output;
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "TokenManager.sln"))) root = root.Parent;
        if (root is null) throw new InvalidOperationException($"{output} is not below TokenManager.sln.");

        return (root, output);
    }

    private static string Existing(string path) =>
        File.Exists(path) ? path : throw new InvalidOperationException($"{path} has not been built.");

    private Run Begin()
    {
        string[] command = [.. _settings.Wrapper, "dotnet", _settings.Assembly ?? CompiledAssembly, .. _settings.Arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = WorkingDirectory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        WithoutForeignSettings(start);
        foreach (var (name, value) in RuntimeSettings) start.Environment[name] = value;

        var configuration = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
        {
            // The same in every run, as a platform would have it: a node that comes back is known by its address.
            ["TokenManager:Cluster:Port"] = _clusterPort.ToString(CultureInfo.InvariantCulture),
            ["TokenManager:Management:Url"] = "",
            ["TokenManager:Shutdown:DrainDelay"] = "00:00:00",
        };
        foreach (var (key, value) in _settings.Configuration) configuration[key] = value;
        // The address found in the first run stays the node's address.
        if (_baseAddress is not null) configuration["urls"] = _baseAddress.GetLeftPart(UriPartial.Authority);
        else if (!configuration.ContainsKey("urls")) configuration["urls"] = "http://127.0.0.1:0";
        else if (Uri.TryCreate(configuration["urls"], UriKind.Absolute, out var fixedUrl) && fixedUrl.Port != 0)
            _baseAddress = fixedUrl;

        foreach (var (key, value) in configuration)
            start.Environment[key == "urls" ? "ASPNETCORE_URLS" : key.Replace(":", "__", StringComparison.Ordinal)] = value;
        foreach (var (name, value) in _settings.Environment) start.Environment[name] = value;

        return new Run(start);
    }

    /// <summary>Removes what a shell may have set for another node or web server.</summary>
    internal static void WithoutForeignSettings(ProcessStartInfo start)
    {
        foreach (var name in start.Environment.Keys.Where(IsNodes).ToArray()) start.Environment.Remove(name);
    }

    private static bool IsNodes(string name) =>
        Array.Exists(OwnPrefixes, prefix => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase));

    private Uri? AddressFromStartLine() =>
        _run.Output.Select(line => StartLineAddress().Match(line)).FirstOrDefault(match => match.Success) is { } match
            ? new Uri(match.Groups[1].Value)
            : null;

    private void ThrowIfEnded()
    {
        if (HasExited) throw new NodeEndedException($"The node ended with exit code {_run.Process.ExitCode}.\n{Tail()}");
    }

    private void Send(Signal signal)
    {
        var process = NodeProcessId();
        // The numbers differ between Linux and the BSDs.
        var number = (signal, OperatingSystem.IsLinux()) switch
        {
            (Signal.Terminate, _) => 15,
            (Signal.Stop, true) => 19,
            (Signal.Stop, false) => 17,
            (Signal.Continue, true) => 18,
            (Signal.Continue, false) => 19,
            _ => throw new UnreachableException(),
        };
        if (HasExited || Kill(process, number) != 0)
            throw new InvalidOperationException($"The node cannot be signalled.\n{Tail()}");
    }

    // A wrapper may stay the node's parent (faketime does) and would keep a signal to itself.
    private int NodeProcessId()
    {
        var id = _run.Process.Id;
        while (_settings.Wrapper.Count > 0 && ChildOf(id) is { } child) id = child;
        return id;
    }

    private static int? ChildOf(int parent)
    {
        var path = $"/proc/{parent}/task/{parent}/children";
        var children = File.Exists(path) ? File.ReadAllText(path).Split(' ', StringSplitOptions.RemoveEmptyEntries) : [];
        return children.Length > 0 ? int.Parse(children[0], CultureInfo.InvariantCulture) : null;
    }

    // A signal is sent before it takes effect; a test that goes on earlier would talk to a running node.
    private async Task AwaitPausedAsync(bool paused)
    {
        if (!OperatingSystem.IsLinux()) return;
        var stat = $"/proc/{NodeProcessId()}/stat";
        await Eventually.Async(
            async () =>
            {
                var text = await File.ReadAllTextAsync(stat);
                return (text[text.LastIndexOf(')') + 2] == 'T') == paused;
            },
            DefaultDeadline,
            Tail,
            paused ? "the node is paused" : "the node runs again");
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int process, int signal);

    [GeneratedRegex("is ready: API (https?://[^/ ]+)/api/tokens", RegexOptions.CultureInvariant)]
    private static partial Regex StartLineAddress();

    [GeneratedRegex("is ready: .* management (https?://[^/ ,]+), ", RegexOptions.CultureInvariant)]
    private static partial Regex StartLineManagement();

    private enum Signal
    {
        Terminate,
        Stop,
        Continue,
    }

    private sealed class Run
    {
        public Run(ProcessStartInfo start)
        {
            Process = new Process { StartInfo = start };
            Process.OutputDataReceived += (_, line) => Add(Output, line.Data);
            Process.ErrorDataReceived += (_, line) => Add(Errors, line.Data);
            Process.Start();
            Process.BeginOutputReadLine();
            Process.BeginErrorReadLine();
            Process.StandardInput.Close();
        }

        public Process Process { get; }

        public ConcurrentQueue<string> Output { get; } = new();

        public ConcurrentQueue<string> Errors { get; } = new();

        private static void Add(ConcurrentQueue<string> lines, string? line)
        {
            if (line is not null) lines.Enqueue(line);
        }
    }
}
