namespace TokenManager.Service.Tests;

public sealed class PostgresResizeBehaviourTests : ResizeBehaviour<PostgresStore>;
