namespace TokenManager.Service.Tests;

[Collection(SharedNodeOnPostgres.Name)]
public sealed class PostgresServiceBehaviourTests(SharedNode<PostgresStore> shared) : ServiceBehaviour<PostgresStore>(shared);
