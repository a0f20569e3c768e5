using TokenManager.Testing;

namespace TokenManager.Service.Tests;

[Collection(LongestFirst.Prefix + "restarts on PostgreSQL")]
public sealed class PostgresRestartBehaviourTests : RestartBehaviour<PostgresStore>;
