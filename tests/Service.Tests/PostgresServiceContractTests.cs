using TokenManager.Contract;

namespace TokenManager.Service.Tests;

[Collection(SharedNodeOnPostgres.Name)]
public sealed class PostgresServiceContractTests(SharedNode<PostgresStore> shared) : ServiceContract
{
    protected override Task<Uri> GetServiceAsync() => Task.FromResult(shared.Node.BaseAddress);
}
