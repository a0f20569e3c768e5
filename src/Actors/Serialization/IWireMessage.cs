namespace TokenManager.Actors.Serialization;

/// <summary>
/// Marks what may cross a node boundary or be stored: everything that carries it is written by
/// <see cref="WireSerializer"/>, and nothing else of ours is ever sent.
/// </summary>
internal interface IWireMessage;
