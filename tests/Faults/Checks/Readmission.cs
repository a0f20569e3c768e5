using TokenManager.Faults.History;

namespace TokenManager.Faults.Checks;

/// <summary>Users who were not granted a token when all was quiet and every token free.</summary>
internal static class Readmission
{
    public static IEnumerable<string> Find(Evidence evidence) => evidence.Operations
        .Where(operation => operation.IsAfterwards && operation.Kind is Kind.Activate && operation.Answer is not Answer.Granted)
        .Select(operation => $"user {operation.User} was not granted a token at the end: {operation}");
}
