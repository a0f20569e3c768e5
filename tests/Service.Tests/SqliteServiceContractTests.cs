using TokenManager.Contract;

namespace TokenManager.Service.Tests;

public sealed class SqliteServiceContractTests(SharedNode<SqliteStore> shared)
    : ServiceContract, IClassFixture<SharedNode<SqliteStore>>
{
    protected override Task<Uri> GetServiceAsync() => Task.FromResult(shared.Node.BaseAddress);
}
