namespace TokenManager.Service.Tests;

public sealed class PostgresRestartBehaviourTests : RestartBehaviour<PostgresStore>;
