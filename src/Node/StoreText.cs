using System.Diagnostics;
using System.Globalization;
using Npgsql;
using TokenManager.Actors.Ledger;

namespace TokenManager.Node;

/// <summary>A store in words for people: where it is, never how to get in.</summary>
internal static class StoreText
{
    public static string Of(Store store) => store switch
    {
        Store.Sqlite sqlite => $"SQLite {sqlite.Path}",
        Store.Postgres postgres => Of(new NpgsqlConnectionStringBuilder(postgres.ConnectionString)),
        _ => throw new UnreachableException(),
    };

    private static string Of(NpgsqlConnectionStringBuilder postgres) => string.Create(
        CultureInfo.InvariantCulture,
        $"PostgreSQL {postgres.Database ?? postgres.Username ?? "(default)"} at {postgres.Host}:{postgres.Port}");
}
