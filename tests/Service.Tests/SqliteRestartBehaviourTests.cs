using TokenManager.Testing;

namespace TokenManager.Service.Tests;

[Collection(LongestFirst.Prefix + "restarts on SQLite")]
public sealed class SqliteRestartBehaviourTests : RestartBehaviour<SqliteStore>;
