namespace TokenManager.Bench;

/// <summary>Somebody answered something else than what was asked for: then nothing that was measured counts.</summary>
internal sealed class WrongAnswerException(string message) : Exception(message);
