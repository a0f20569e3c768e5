using TokenManager.Bench.Activations;
using TokenManager.Bench.Cost;
using TokenManager.Bench.Driver;
using TokenManager.Testing;

namespace TokenManager.Bench.Growth;

/// <summary>One of the pools that are compared: a node on a database of its own.</summary>
internal sealed class GrowingPool : IDisposable
{
    private const int Callers = 32;
    private const double BytesInKilobyte = 1024;

    private readonly Database _database;
    private readonly HttpContender _contender;

    private GrowingPool(int size, Database database, NodeProcess node)
    {
        Size = size;
        _database = database;
        Node = node;
        _contender = new HttpContender(Invariant($"pool of {size}"), node.BaseAddress, size, database.ConnectionString);
    }

    public int Size { get; }

    public NodeProcess Node { get; }

    public NodeSettings Settings => _database.Node(Size, Stage.LongLease);

    /// <summary>Resident, with no token ever lent.</summary>
    public long IdleMemory { get; private set; }

    /// <summary>Resident, with every token lent.</summary>
    public long ActiveMemory { get; private set; }

    /// <summary>Activations a second, each of a token that has not been awake yet.</summary>
    public double ColdPerSecond { get; private set; }

    /// <summary>Starts it, and lends every token, which wakes it.</summary>
    public static async Task<GrowingPool> StartAsync(Stage stage, int size)
    {
        var database = await stage.DatabaseAsync();
        var node = await stage.NodeAsync(database.Node(size, Stage.LongLease));
        var pool = new GrowingPool(size, database, node);
        pool.IdleMemory = await Memory.SettledAsync(stage, pool.Node);
        var callers = Activating.Callers(Callers);
        var cold = await Load.RunAsync(pool.Node.BaseAddress, callers, new Turns(calls: size), stage.Stop);
        Activating.NoneIsLentTwice(callers, []);
        pool.ColdPerSecond = cold.PerSecond;
        pool.ActiveMemory = await Memory.SettledAsync(stage, pool.Node);
        return pool;
    }

    /// <summary>Takes everything back; the tokens stay awake for a while.</summary>
    public Task ClearAsync(Stage stage) => _contender.ClearAsync(stage);

    /// <summary>Lends a pool of which nothing is lent, but for so many tokens.</summary>
    public Task FillAsync(Stage stage, int spare) => _contender.FillAsync(stage, [], spare);

    /// <summary>Lets nothing that was done before fall into what is measured next.</summary>
    public Task TidyAsync(Stage stage) => stage.TidyAsync(_database.ConnectionString);

    /// <summary>Lets callers take and give back one token after the other.</summary>
    public Task<LoadResult> BorrowAsync(Stage stage, TimeSpan span) =>
        Load.RunAsync(Node.BaseAddress, Borrowing.Callers(Callers), new Turns(span), stage.Stop);

    /// <summary>The memory of one token, as far as it is more than that of the nodes' code, in kilobytes.</summary>
    public double KilobytesPerToken(GrowingPool smallest, Func<GrowingPool, long> memory) =>
        (memory(this) - memory(smallest)) / (double)(Size - smallest.Size) / BytesInKilobyte;

    public void Dispose()
    {
        _contender.Dispose();
        _database.Dispose();
    }
}
