using TokenManager.Testing;

namespace TokenManager.Service.Tests;

/// <summary>What a node of these tests keeps its data in.</summary>
public abstract class TestStore
{
    /// <summary>How to start a node on an empty store of its own.</summary>
    /// <param name="configuration">What differs from the defaults.</param>
    public abstract Task<NodeSettings> NewAsync(params (string Key, string Value)[] configuration);

    private protected static NodeSettings Configured(params IEnumerable<(string Key, string Value)> values) =>
        new() { Configuration = values.ToDictionary(pair => pair.Key, pair => pair.Value) };
}

/// <summary>The embedded default.</summary>
public sealed class SqliteStore : TestStore
{
    public override Task<NodeSettings> NewAsync(params (string Key, string Value)[] configuration) =>
        Task.FromResult(Configured(configuration));
}

/// <summary>A database on the PostgreSQL that all tests of this process share.</summary>
public sealed class PostgresStore : TestStore
{
    public override async Task<NodeSettings> NewAsync(params (string Key, string Value)[] configuration)
    {
        var postgres = await PrivatePostgres.SharedAsync();
        return Configured([("ConnectionStrings:TokenManager", await postgres.CreateDatabaseAsync()), .. configuration]);
    }
}
