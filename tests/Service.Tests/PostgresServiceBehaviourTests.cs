namespace TokenManager.Service.Tests;

public sealed class PostgresServiceBehaviourTests(SharedNode<PostgresStore> shared) : ServiceBehaviour<PostgresStore>(shared);
