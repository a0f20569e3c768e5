namespace TokenManager.Actors.Pool;

/// <summary>Somebody who waits for an answer, until they have surely given up.</summary>
internal readonly record struct Caller(object To, TimeSpan GivesUpAt);
