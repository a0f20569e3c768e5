using TokenManager.Testing;

namespace TokenManager.Service.Tests;

/// <summary>A node with the default configuration, for all tests of a class.</summary>
public sealed class SharedNode<TStore> : IAsyncLifetime
    where TStore : TestStore, new()
{
    public NodeProcess Node { get; private set; } = null!;

    public async Task InitializeAsync() => Node = await NodeProcess.StartAsync(await new TStore().NewAsync());

    public async Task DisposeAsync() => await Node.DisposeAsync();
}
