namespace TokenManager.Service.Tests;

public sealed class PostgresEndedLeaseBehaviourTests : EndedLeaseBehaviour<PostgresStore>;
