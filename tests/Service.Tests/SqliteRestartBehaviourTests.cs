namespace TokenManager.Service.Tests;

public sealed class SqliteRestartBehaviourTests : RestartBehaviour<SqliteStore>;
