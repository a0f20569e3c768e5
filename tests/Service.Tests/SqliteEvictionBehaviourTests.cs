namespace TokenManager.Service.Tests;

public sealed class SqliteEvictionBehaviourTests(EvictingNode<SqliteStore> evicting) : EvictionBehaviour<SqliteStore>(evicting);
