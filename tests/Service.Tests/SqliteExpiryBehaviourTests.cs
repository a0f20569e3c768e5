using Xunit.Abstractions;

namespace TokenManager.Service.Tests;

[Collection(Undisturbed.Name)]
public sealed class SqliteExpiryBehaviourTests(ITestOutputHelper output)
    : ExpiryBehaviour<SqliteStore>(TimeSpan.FromMilliseconds(500), output);
