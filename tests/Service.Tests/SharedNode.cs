using TokenManager.Testing;

namespace TokenManager.Service.Tests;

/// <summary>A node with the default configuration, for tests that run one after another and clear it first.</summary>
public sealed class SharedNode<TStore> : IAsyncLifetime
    where TStore : TestStore, new()
{
    public NodeProcess Node { get; private set; } = null!;

    public async Task InitializeAsync() => Node = await NodeProcess.StartAsync(await new TStore().NewAsync());

    public async Task DisposeAsync() => await Node.DisposeAsync();
}

/// <summary>The tests of the shared node on SQLite.</summary>
[CollectionDefinition(Name)]
public sealed class SharedNodeOnSqlite : ICollectionFixture<SharedNode<SqliteStore>>
{
    public const string Name = LongestFirst.Prefix + "shared node on SQLite";
}

/// <summary>The tests of the shared node on PostgreSQL.</summary>
[CollectionDefinition(Name)]
public sealed class SharedNodeOnPostgres : ICollectionFixture<SharedNode<PostgresStore>>
{
    public const string Name = LongestFirst.Prefix + "shared node on PostgreSQL";
}
