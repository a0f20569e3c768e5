namespace TokenManager.Service.Tests;

[Collection(SharedNodeOnSqlite.Name)]
public sealed class SqliteServiceBehaviourTests(SharedNode<SqliteStore> shared) : ServiceBehaviour<SqliteStore>(shared);
