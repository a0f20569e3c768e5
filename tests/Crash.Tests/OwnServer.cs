using TokenManager.Testing;

namespace TokenManager.Crash.Tests;

/// <summary>A server for tests that take it away and bring it back, one after the other.</summary>
public sealed class OwnServer : IAsyncLifetime
{
    public PrivatePostgres Server { get; private set; } = null!;

    public async Task InitializeAsync() => Server = await PrivatePostgres.StartAsync();

    public async Task DisposeAsync() => await Server.DisposeAsync();
}
