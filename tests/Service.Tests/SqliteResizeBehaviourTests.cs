namespace TokenManager.Service.Tests;

public sealed class SqliteResizeBehaviourTests : ResizeBehaviour<SqliteStore>;
