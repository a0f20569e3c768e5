using TokenManager.Contract;

namespace TokenManager.Http.Tests;

/// <summary>Checks the contract's tests and the HTTP layer against each other.</summary>
public sealed class InMemoryServiceContractTests(InMemoryServiceContractTests.Service service)
    : ServiceContract, IClassFixture<InMemoryServiceContractTests.Service>
{
    protected override Task<Uri> GetServiceAsync() => Task.FromResult(service.Address);

    public sealed class Service : IAsyncLifetime
    {
        private ApiHost _host = null!;

        public Uri Address => _host.Address;

        public async Task InitializeAsync() => _host = await ApiHost.StartWithPoolAsync(100);

        public async Task DisposeAsync() => await _host.DisposeAsync();
    }
}
