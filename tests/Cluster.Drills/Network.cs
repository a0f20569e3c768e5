using System.Globalization;
using TokenManager.Testing;

namespace TokenManager.Cluster.Drills;

/// <summary>
/// A network namespace for each node and one that routes between them, in which the traffic from one node to another
/// is dropped on demand, without a word to anybody. Its addresses are from the range for benchmarks (RFC 2544), and
/// nothing that is sent to them leaves this machine. Needs root and iproute2.
/// </summary>
internal sealed class Network : IAsyncDisposable
{
    private const int Prefixes = 256;

    private static readonly int First = Random.Shared.Next(Prefixes);
    private static int _networks;

    private readonly string _name;
    private readonly string _prefix;
    private readonly List<(string From, string To)> _cuts = [];
    private readonly Stack<string> _undo = new();

    // The system takes a namespace apart a moment after it was told to: the next one must not need the same names.
    private Network()
    {
        var number = Interlocked.Increment(ref _networks);
        _name = string.Create(CultureInfo.InvariantCulture, $"tm{Environment.ProcessId}x{number}");
        _prefix = string.Create(CultureInfo.InvariantCulture, $"198.18.{(First + number) % Prefixes}");
    }

    private string Router => $"{_name}r";

    /// <summary>The address at which the places reach a database on this machine, which callers do not come from.</summary>
    public string DatabaseHost => $"{_prefix}.254";

    /// <summary>One place for each node.</summary>
    public IReadOnlyList<Place> Places { get; private set; } = [];

    public static async Task<Network> CreateAsync(int nodes)
    {
        if (!Environment.IsPrivilegedProcess)
            throw new InvalidOperationException("Network namespaces need root.");

        var network = new Network();
        try
        {
            await network.BuildAsync(nodes);
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    /// <summary>From now on nothing that one place sends reaches the other.</summary>
    public Task CutAsync(Place from, Place to) => CutAsync(from.Host, to.Host);

    /// <summary>The same for addresses, such as <see cref="DatabaseHost"/>.</summary>
    public async Task CutAsync(string from, string to)
    {
        await Shell.RunAsync("ip", $"-n {Router} rule add from {from} to {to} blackhole");
        _cuts.Add((from, to));
    }

    /// <summary>From now on a place's link carries so little that much is late, and what does not fit is lost.</summary>
    public async Task ThrottleAsync(Place place)
    {
        const string Bucket = "root tbf rate 600kbit burst 6kb latency 250ms";
        var number = Places.ToList().IndexOf(place);
        await Shell.RunAsync("tc", $"-n {Router} qdisc replace dev node{number} {Bucket}");
        await Shell.RunAsync("tc", $"-n {_name}n{number} qdisc replace dev eth0 {Bucket}");
    }

    /// <summary>Ends what <see cref="ThrottleAsync"/> began.</summary>
    public async Task UnthrottleAsync(Place place)
    {
        var number = Places.ToList().IndexOf(place);
        await Shell.RunAsync("tc", $"-n {Router} qdisc del dev node{number} root");
        await Shell.RunAsync("tc", $"-n {_name}n{number} qdisc del dev eth0 root");
    }

    /// <summary>From now on everything that was cut off is reached again.</summary>
    public async Task HealAsync()
    {
        foreach (var (from, to) in _cuts)
            await Shell.RunAsync("ip", $"-n {Router} rule del from {from} to {to} blackhole");
        _cuts.Clear();
    }

    /// <summary>Takes everything away that can be taken away, and then says what could not.</summary>
    public async ValueTask DisposeAsync()
    {
        var failures = new List<Exception>();
        while (_undo.TryPop(out var command))
        {
            try
            {
                await Shell.RunAsync("ip", command);
            }
            catch (Exception failure)
            {
                failures.Add(failure);
            }
        }

        if (failures.Count > 0) throw new AggregateException(failures);
    }

    private async Task BuildAsync(int nodes)
    {
        // While the way to the router is not there, the machine's own way out must not be taken instead.
        await DoAsync($"route add blackhole {_prefix}.0/24 metric 4096", $"route del blackhole {_prefix}.0/24 metric 4096");
        await DoAsync($"netns add {Router}", $"netns del {Router}");
        await Shell.RunAsync("ip", $"netns exec {Router} sysctl -q -w net.ipv4.ip_forward=1");
        // Both ends of a pair go with the namespace that one of them is in.
        await Shell.RunAsync("ip", $"link add root netns {Router} type veth peer name {_name}");
        await Shell.RunAsync("ip", $"-n {Router} addr add {_prefix}.1/30 dev root");
        await Shell.RunAsync("ip", $"-n {Router} link set root up");
        await Shell.RunAsync("ip", $"addr add {_prefix}.2/30 dev {_name}");
        await Shell.RunAsync("ip", $"link set {_name} up");
        await Shell.RunAsync("ip", $"route add {_prefix}.0/24 via {_prefix}.1 dev {_name}");
        await Shell.RunAsync("ip", $"addr add {DatabaseHost}/32 dev {_name}");
        await Shell.RunAsync("ip", $"-n {Router} route add {DatabaseHost} via {_prefix}.2");
        var places = new List<Place>();
        for (var node = 0; node < nodes; node++)
        {
            var (space, router, own) = ($"{_name}n{node}", $"{_prefix}.{4 * node + 5}", $"{_prefix}.{4 * node + 6}");
            await DoAsync($"netns add {space}", $"netns del {space}");
            await Shell.RunAsync("ip", $"link add node{node} netns {Router} type veth peer name eth0 netns {space}");
            await Shell.RunAsync("ip", $"-n {Router} addr add {router}/30 dev node{node}");
            await Shell.RunAsync("ip", $"-n {Router} link set node{node} up");
            await Shell.RunAsync("ip", $"-n {space} addr add {own}/30 dev eth0");
            await Shell.RunAsync("ip", $"-n {space} link set eth0 up");
            await Shell.RunAsync("ip", $"-n {space} link set lo up");
            await Shell.RunAsync("ip", $"-n {space} route add default via {router}");
            places.Add(Place.At(own, ["ip", "netns", "exec", space]));
        }

        Places = places;
    }

    private async Task DoAsync(string command, string undo)
    {
        await Shell.RunAsync("ip", command);
        _undo.Push(undo);
    }
}
