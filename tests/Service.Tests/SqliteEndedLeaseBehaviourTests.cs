namespace TokenManager.Service.Tests;

public sealed class SqliteEndedLeaseBehaviourTests : EndedLeaseBehaviour<SqliteStore>;
