using System.Collections.Concurrent;
using TokenManager.Cluster.Drills;

namespace TokenManager.Faults.History;

/// <summary>Writes down every invocation and completion, and every fault, by one monotonic clock.</summary>
internal sealed class Recorder
{
    private readonly Moment _began = Moment.Now();
    private readonly ConcurrentQueue<Operation> _operations = new();
    private readonly ConcurrentQueue<Fault> _faults = new();
    private long _invocations = -1;

    /// <summary>When the recording began, in microseconds since the Unix epoch, by this machine's clock.</summary>
    public long Epoch => _began.Microseconds;

    /// <summary>Microseconds since the recording began.</summary>
    public long Now => (long)_began.Elapsed.TotalMicroseconds;

    /// <summary>When something was, in microseconds since the recording began.</summary>
    public long At(Moment moment) => (long)_began.Until(moment.Timestamp).TotalMicroseconds;

    public IReadOnlyList<Operation> Operations => [.. _operations.OrderBy(operation => operation.Number)];

    public IReadOnlyList<Fault> Faults => [.. _faults.OrderBy(fault => fault.Began)];

    public int Count => _operations.Count;

    public long Invoke() => Interlocked.Increment(ref _invocations);

    public void Add(Operation operation) => _operations.Enqueue(operation);

    public void Add(Fault fault) => _faults.Enqueue(fault);
}
