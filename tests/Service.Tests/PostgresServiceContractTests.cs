using TokenManager.Contract;

namespace TokenManager.Service.Tests;

public sealed class PostgresServiceContractTests(SharedNode<PostgresStore> shared)
    : ServiceContract, IClassFixture<SharedNode<PostgresStore>>
{
    protected override Task<Uri> GetServiceAsync() => Task.FromResult(shared.Node.BaseAddress);
}
