namespace TokenManager.Actors.Formation;

/// <summary>
/// Tells who has been silent for too long, while this node could give its own signs of life all the time. After an outage
/// of the database, a jump of its clock or a freeze of this node everybody looks silent: all have their time then.
/// </summary>
internal sealed class SilenceWatch(TimeProvider time)
{
    /// <summary>How long somebody has been seen silent who is put out for it.</summary>
    public static readonly TimeSpan TooLong = ClusterRegistry.TimeToLive * 2;

    private static readonly TimeSpan Gap = ClusterRegistry.TimeToLive;

    private readonly Dictionary<SilentNode, long> _since = [];
    private long _seen;

    /// <summary>Takes in what the registry said when this node gave a sign of life.</summary>
    /// <returns>Those who have been silent in all of them for too long.</returns>
    public IReadOnlyList<SilentNode> See(IReadOnlyCollection<SilentNode> silent)
    {
        if (time.GetElapsedTime(_seen) >= Gap)
            _since.Clear();
        _seen = time.GetTimestamp();

        foreach (var heard in _since.Keys.Except(silent).ToList())
            _since.Remove(heard);
        foreach (var node in silent)
            _since.TryAdd(node, _seen);
        return [.. _since.Where(node => time.GetElapsedTime(node.Value, _seen) >= TooLong).Select(node => node.Key)];
    }

    /// <summary>A sign of life could not be given.</summary>
    public void Miss() => _since.Clear();
}
