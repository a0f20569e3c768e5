using TokenManager.Contract;

namespace TokenManager.Service.Tests;

[Collection(SharedNodeOnSqlite.Name)]
public sealed class SqliteServiceContractTests(SharedNode<SqliteStore> shared) : ServiceContract
{
    protected override Task<Uri> GetServiceAsync() => Task.FromResult(shared.Node.BaseAddress);
}
