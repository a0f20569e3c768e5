namespace TokenManager.Service.Tests;

public sealed class SqliteServiceBehaviourTests(SharedNode<SqliteStore> shared) : ServiceBehaviour<SqliteStore>(shared);
