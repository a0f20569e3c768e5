namespace TokenManager.Service.Tests;

public sealed class PostgresEvictionBehaviourTests : EvictionBehaviour<PostgresStore>;
