namespace TokenManager.Service.Tests;

public sealed class PostgresEvictionBehaviourTests(EvictingNode<PostgresStore> evicting) : EvictionBehaviour<PostgresStore>(evicting);
