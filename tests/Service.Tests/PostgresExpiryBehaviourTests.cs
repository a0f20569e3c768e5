using Xunit.Abstractions;

namespace TokenManager.Service.Tests;

[Collection(Undisturbed.Name)]
public sealed class PostgresExpiryBehaviourTests(ITestOutputHelper output)
    : ExpiryBehaviour<PostgresStore>(TimeSpan.FromMilliseconds(250), output);
