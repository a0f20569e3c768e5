namespace TokenManager.Service.Tests;

public sealed class SqliteEvictionBehaviourTests : EvictionBehaviour<SqliteStore>;
